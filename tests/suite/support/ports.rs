//! Ports for programs that are told where to listen.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;

/// Below the ports that the kernel takes for connections and for `:0`: between the question and the
/// answer, no connection of another test takes one of these.
const CHOSEN_PORTS: Range<u16> = 20_000..32_000;

/// No program listens there at the moment, and no other test gets it as long as this one runs.
pub fn free_address() -> SocketAddr {
    free_listener().local_addr().unwrap()
}

/// A listener at an address for a program that is told where to listen, to be dropped before that program starts.
pub fn free_listener() -> TcpListener {
    // Tests are processes beside each other: each begins somewhere else.
    let chosen = std::iter::repeat_with(|| RandomState::new().build_hasher().finish());
    let width = u64::from(CHOSEN_PORTS.end - CHOSEN_PORTS.start);
    let ports = chosen.map(|number| CHOSEN_PORTS.start + u16::try_from(number % width).unwrap());
    let mut listeners = ports
        .take(1_000)
        .filter(|port| reserve(*port))
        .map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
    listeners.find_map(Result::ok).expect("a free port")
}

/// Reserves a port for this test until its process ends; whether no other test has it. A program may take seconds until
/// it listens, and a test that kills one starts it again at the same address.
#[cfg(target_os = "linux")]
fn reserve(port: u16) -> bool {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};

    // A name that is no file, in the namespace of the port, which the kernel frees at the end of the process.
    let name = SocketAddr::from_abstract_name(format!("hexreg-test-port-{port}")).unwrap();
    UnixListener::bind_addr(&name).map(std::mem::forget).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn reserve(_port: u16) -> bool {
    true
}
