//! How a request gets there: names, route, TLS, HTTP version.

use std::path::PathBuf;

use url::Url;

use super::number;
use crate::cli::args::Environment;
use crate::cli::args::error::{ArgsError, OfFlag, ValueError};
use crate::cli::args::flags::{ConnectionArgs, HttpArgs, NameArgs, TlsArgs};
use crate::target::{
    ClientIdentity, DnsServers, Family, HttpVersion, Proxies, Proxy, ProxyError, Resolution, Route, TlsOptions,
    TlsVersion, Trust,
};
use crate::time::Nanos;

pub(super) fn resolution(flags: &NameArgs) -> Result<Resolution, ArgsError> {
    let family = match (flags.ipv4, flags.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    let overrides = flags.resolve.iter().map(|text| text.parse().of("--resolve")).collect::<Result<_, _>>()?;
    let servers = match (&flags.doh_url, &flags.dns_servers) {
        (Some(url), _) => DnsServers::Https(doh_url(url).of("--doh-url")?),
        (None, Some(servers)) => servers.parse().of("--dns-servers")?,
        (None, None) => DnsServers::System,
    };
    Ok(Resolution { family, overrides, servers })
}

fn doh_url(text: &str) -> Result<Url, ValueError> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.username().is_empty());
    url.ok_or_else(|| ValueError::Form { expected: "an https URL without a user", got: text.to_owned() })
}

pub(super) fn route(flags: &ConnectionArgs, environment: &Environment) -> Result<Route, ArgsError> {
    let default = Route::default();
    let attempt_delay = match flags.happy_eyeballs_timeout_ms.as_deref() {
        None => default.attempt_delay,
        Some(text) => Nanos::from_millis(number(text, "milliseconds").of("--happy-eyeballs-timeout-ms")?),
    };
    Ok(Route {
        connect_to: flags.connect_to.iter().map(|text| text.parse().of("--connect-to")).collect::<Result<_, _>>()?,
        unix_socket: flags.unix_socket.clone(),
        interface: flags.interface.as_deref().map(str::parse).transpose().of("--interface")?,
        proxies: proxies(flags, environment)?,
        attempt_delay,
    })
}

/// `-x` and `--noproxy`, or else the environment, as curl reads it: `http_proxy` counts in lower case only, because a web
/// server sets `HTTP_PROXY` from a request's `Proxy` field.
fn proxies(flags: &ConnectionArgs, environment: &Environment) -> Result<Proxies, ArgsError> {
    let except = match &flags.noproxy {
        Some(list) => Proxies::exceptions(list),
        None => {
            environment.first(&["no_proxy", "NO_PROXY"]).map(|(_, list)| Proxies::exceptions(list)).unwrap_or_default()
        }
    };
    match flags.proxy.as_deref() {
        Some("") => return Ok(Proxies::default()),
        Some(text) => {
            let proxy: Proxy = text.parse().of("-x/--proxy")?;
            return Ok(Proxies { http: Some(proxy.clone()), https: Some(proxy), except });
        }
        None if except == ["*"] => return Ok(Proxies { except, ..Proxies::default() }),
        None => {}
    }
    let first = |names: &[&'static str]| match environment.first(names) {
        Some((name, text)) => text.parse::<Proxy>().map(Some).map_err(|error| of_variable(name, error)),
        None => Ok(None),
    };
    Ok(Proxies {
        http: first(&["http_proxy", "all_proxy", "ALL_PROXY"])?,
        https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
        except,
    })
}

fn of_variable(name: &'static str, error: ProxyError) -> ArgsError {
    ArgsError::Value { flag: name, cause: ValueError::ProxyVariable(error) }
}

pub(super) fn tls(flags: &TlsArgs, environment: &Environment) -> Result<TlsOptions, ArgsError> {
    let trust = match &flags.cacert {
        _ if flags.insecure => Trust::Anyone,
        Some(file) => Trust::File(file.clone()),
        None => Trust::System,
    };
    let identity = match (&flags.cert, &flags.key) {
        (None, None) => None,
        (None, Some(_)) => return Err(ArgsError::Needs { flag: "--key", needed: "-E FILE with the certificate" }),
        (Some(cert), key) => {
            let certificates = certificate_file(cert).of("-E")?;
            Some(ClientIdentity { key: key.clone().unwrap_or_else(|| certificates.clone()), certificates })
        }
    };
    let min = if flags.tlsv1_3 { TlsVersion::V13 } else { TlsVersion::V12 };
    let max = match flags.tls_max.as_deref() {
        None => TlsVersion::V13,
        Some(text) => text.parse().of("--tls-max")?,
    };
    if min > max {
        let reason = "no version is left to offer";
        return Err(ArgsError::Conflict { flag: "--tlsv1.3", other: "--tls-max 1.2", reason });
    }
    let keylog = flags.keylog.clone().or_else(|| environment.get_os("SSLKEYLOGFILE").map(PathBuf::from));
    Ok(TlsOptions { trust, identity, min, max, keylog })
}

/// The path in `FILE[:PASSWORD]`, where a `\\` takes the next character as it is. A password is refused.
fn certificate_file(text: &str) -> Result<PathBuf, ValueError> {
    let mut path = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => path.extend(characters.next().or(Some(c))),
            ':' => {
                return Err(ValueError::Secret(
                    "FILE without a password after \":\" (keys with a password are not read; \"\\:\" stands for a colon)",
                ));
            }
            _ => path.push(c),
        }
    }
    if path.is_empty() {
        return Err(ValueError::Form { expected: "a PEM file", got: text.to_owned() });
    }
    Ok(path.into())
}

pub(super) fn http(flags: &HttpArgs) -> HttpVersion {
    match (flags.http1_1, flags.http2_prior_knowledge) {
        (true, _) => HttpVersion::Http11,
        (_, true) => HttpVersion::Http2PriorKnowledge,
        _ => HttpVersion::Negotiate,
    }
}
