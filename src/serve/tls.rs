//! Certificates, and how they are exchanged while the server runs.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use zeroize::Zeroizing;

use crate::regular_file;
use crate::serve::Tls;

/// In bytes: more certificates than any chain has.
const MAX_PEM: u64 = 1 << 20;

/// Why a server cannot show who it is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is not there, or is no PEM.
    #[error("could not read {}", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// There is none in it.
    #[error("there is no certificate in {}: expected PEM", .0.display())]
    NoCertificate(PathBuf),
    /// The key is of a kind that is not used, or another certificate's.
    #[error("{} and {} do not go together", .tls.certificates.display(), .tls.key.display())]
    Pair {
        /// Both files.
        tls: Tls,
        /// What is wrong.
        source: rustls::Error,
    },
}

/// The certificates that new connections are shown.
#[derive(Clone)]
pub(super) struct Certificates {
    files: Tls,
    config: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Certificates {
    pub fn load(files: &Tls) -> Result<Self, Error> {
        let config = Arc::new(RwLock::new(Arc::new(config(files)?)));
        Ok(Self { files: files.clone(), config })
    }

    /// For one connection.
    pub fn config(&self) -> Arc<ServerConfig> {
        // One that was exchanged is whole at any moment.
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files again; where they are no good, what was good stays.
    pub fn reload(&self) -> Result<(), Error> {
        let config = Arc::new(config(&self.files)?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }
}

fn config(files: &Tls) -> Result<ServerConfig, Error> {
    let failed = |path: &PathBuf| {
        let path = path.clone();
        move |source| Error::Pem { path, source }
    };
    // No pipe: both are read again each time that one of them changes.
    let read = |path: &PathBuf| regular_file::read(path, MAX_PEM).map_err(pem::Error::Io);
    let chain = read(&files.certificates)
        .and_then(|text| CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>())
        .map_err(failed(&files.certificates))?;
    if chain.is_empty() {
        return Err(Error::NoCertificate(files.certificates.clone()));
    }
    let key = read(&files.key)
        .map(Zeroizing::new)
        .and_then(|text| PrivateKeyDer::from_pem_slice(&text))
        .map_err(failed(&files.key))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|source| Error::Pair { tls: files.clone(), source })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
