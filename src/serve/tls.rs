//! Certificates, and their replacement while the server runs.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use zeroize::Zeroizing;

use crate::regular_file;

/// In bytes: larger than the PEM of any certificate chain.
const MAX_PEM: u64 = 1 << 20;

/// The certificate and the private key of a server, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, followed by the intermediate certificates.
    pub certificates: PathBuf,
    /// The private key of the server's certificate.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Whether the files can be used.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn check(&self) -> Result<(), TlsError> {
        config(self).map(|_| ())
    }
}

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each variant and field is")]
pub enum TlsError {
    #[error("could not read {}", .path.display())]
    Pem { path: PathBuf, source: pem::Error },
    #[error("there is no certificate in {}: expected PEM", .0.display())]
    NoCertificate(PathBuf),
    /// The key is of an unknown kind, or belongs to another certificate.
    #[error("{} and {} do not go together", .files.certificates.display(), .files.key.display())]
    Pair { files: TlsFiles, source: rustls::Error },
}

/// The certificates for new connections.
#[derive(Clone)]
pub(super) struct Certificates(Arc<RwLock<LoadedCertificates>>);

/// Certificates, and the files that they were read from.
pub(super) struct LoadedCertificates {
    files: TlsFiles,
    config: Arc<ServerConfig>,
}

impl Certificates {
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(RwLock::new(LoadedCertificates::read(files)?))))
    }

    /// The configuration for a new connection.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.read().config)
    }

    /// Reads the files again. If they are invalid, the former certificates stay.
    pub fn reload(&self) -> Result<(), TlsError> {
        let files = self.read().files.clone();
        self.replace(LoadedCertificates::read(&files)?);
        Ok(())
    }

    /// Puts others in their place.
    pub fn replace(&self, loaded: LoadedCertificates) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = loaded;
    }

    fn read(&self) -> RwLockReadGuard<'_, LoadedCertificates> {
        // It is replaced in one step, so it is valid after a panic too.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LoadedCertificates {
    pub fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        Ok(Self { files: files.clone(), config: Arc::new(config(files)?) })
    }
}

fn config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let failed = |path: &PathBuf| {
        let path = path.clone();
        move |source| TlsError::Pem { path, source }
    };
    // A pipe is refused: both are read again each time one of them changes.
    let read = |path: &PathBuf| regular_file::read(path, MAX_PEM).map_err(pem::Error::Io);
    let chain = read(&files.certificates)
        .and_then(|text| CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>())
        .map_err(failed(&files.certificates))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(files.certificates.clone()));
    }
    let key = read(&files.key)
        .map(Zeroizing::new)
        .and_then(|text| PrivateKeyDer::from_pem_slice(&text))
        .map_err(failed(&files.key))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|source| TlsError::Pair { files: files.clone(), source })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
