//! Options that hold until the server ends.

use super::options::{Options, ServerLimits};

/// Puts the former values in place of options that cannot change while the server runs. Returns the names of those that
/// were to change.
pub(super) fn keep_fixed(options: &mut Options, former: &Options) -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut keep = |name, is_same: bool| {
        if !is_same {
            names.push(name);
        }
    };
    keep("listen", options.listen == former.listen);
    keep("docs-listen", options.docs.listen == former.docs.listen);
    keep("metrics-listen", options.metrics == former.metrics);
    keep("trusted-proxy", options.trusted_proxies == former.trusted_proxies);
    keep("max-connections", options.limits.connections == former.limits.connections);
    let times = |limits: &ServerLimits| (limits.idle, limits.stall);
    keep("idle-timeout", times(&options.limits) == times(&former.limits));
    // Other files of them are read at once.
    keep("tls-cert", options.tls.is_some() == former.tls.is_some());
    options.listen = former.listen;
    options.docs.listen = former.docs.listen;
    options.metrics = former.metrics;
    options.trusted_proxies.clone_from(&former.trusted_proxies);
    options.limits = former.limits;
    if options.tls.is_some() != former.tls.is_some() {
        options.tls.clone_from(&former.tls);
    }
    names
}
