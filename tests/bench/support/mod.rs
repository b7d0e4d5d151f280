//! What several benches need: programs to compare with, a certificate for a host, percentiles.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

/// Whatever keeps a bench from measuring.
pub(crate) type Problem = Box<dyn std::error::Error>;

/// Prints what a bench measured, or why it could not.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints what it measured")]
pub(crate) fn end(bench: &str, measured: Result<String, Problem>) -> ExitCode {
    match measured {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{bench}: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The first argument that is a number, or `default`; cargo adds arguments of its own.
pub(crate) fn rounds(default: usize) -> Result<usize, Problem> {
    let Some(word) = std::env::args().skip(1).find(|word| !word.starts_with('-')) else { return Ok(default) };
    match word.parse() {
        Ok(rounds) if rounds > 0 => Ok(rounds),
        _ => Err(format!("{word:?} is not a number of rounds").into()),
    }
}

/// Where a program is.
pub(crate) fn find(program: &str) -> Result<PathBuf, Problem> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("{program} is not in PATH: there is nothing to compare with").into())
}

/// A server's configuration for one host, and the certificate of the authority that signed for it.
pub(crate) fn credentials(host: &str) -> Result<(ServerConfig, String), Problem> {
    let mut authority = CertificateParams::new([])?;
    authority.distinguished_name.push(rcgen::DnType::CommonName, "bench authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate()?;
    let pem = authority.self_signed(&authority_key)?.pem();
    let mut leaf = CertificateParams::new([host.to_owned()])?;
    leaf.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &Issuer::new(authority, authority_key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).map_err(str::to_owned)?,
        )?;
    Ok((server, pem))
}

/// The value at a percentile by nearest rank; `None` of nothing.
pub(crate) fn percentile<T: Copy + Ord>(sample: &[T], percent: usize) -> Option<T> {
    let mut sorted = sample.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}
