//! Certificates out of PEM (RFC 7468), fast.
//!
//! A system's bundle has some 150 certificates in 200 KiB of text. The TLS library's parser, made for keys too, decodes in
//! constant time and takes as long for it as whole handshakes take. What is not secret needs no such care.
//!
//! Invariant: what is read here is what the library's parser reads. Whatever is not plainly a list of certificates gives
//! `None` and is left to that parser, which knows every variant and names every fault.

use std::io::{self, BufRead};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";
/// Begins and ends every mark.
const DASHES: &[u8] = b"-----";

/// The certificates of a bundle that has nothing else between marks; what stands between certificates is commentary. An
/// error of `pem` itself gives `None`, too.
pub(super) fn certificates(mut pem: impl BufRead) -> Option<Vec<CertificateDer<'static>>> {
    let mut certificates = Vec::new();
    let mut text = Vec::new();
    loop {
        text.clear();
        if append_line(&mut pem, &mut text).ok()? == End::OfText {
            return Some(certificates);
        }
        if text == BEGIN {
            text.clear();
            read_encoded(&mut pem, &mut text)?;
            certificates.push(STANDARD.decode(&text).ok()?.into());
        } else if text.windows(DASHES.len()).any(|window| window == DASHES) {
            return None;
        }
    }
}

/// Reads up to the end mark, and puts what comes before it into `encoded`, in one line.
fn read_encoded(pem: &mut impl BufRead, encoded: &mut Vec<u8>) -> Option<()> {
    loop {
        let start = encoded.len();
        if append_line(pem, encoded).ok()? == End::OfText {
            return None;
        }
        if encoded.get(start..) == Some(END) {
            encoded.truncate(start);
            return Some(());
        }
    }
}

/// What was come to.
#[derive(PartialEq, Eq)]
enum End {
    OfLine,
    OfText,
}

/// Appends the next line without what ends it.
fn append_line(pem: &mut impl BufRead, to: &mut Vec<u8>) -> io::Result<End> {
    if pem.read_until(b'\n', to)? == 0 {
        return Ok(End::OfText);
    }
    for end in *b"\n\r" {
        if to.last() == Some(&end) {
            to.pop();
        }
    }
    Ok(End::OfLine)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    const BEGIN_LINE: &str = "-----BEGIN CERTIFICATE-----";
    const END_LINE: &str = "-----END CERTIFICATE-----";

    /// What the library reads; `None` where it finds a fault.
    fn by_library(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().ok()
    }

    fn mark(lines: &[&str]) -> String {
        lines.concat().replace('<', BEGIN_LINE).replace('>', END_LINE)
    }

    #[test]
    fn a_bundle_is_read_as_the_library_reads_it() {
        for (name, lines, expect) in [
            ("nothing", &[][..], 0),
            ("commentary", &["Issued to whom it may concern\n"], 0),
            ("one", &["<\nAAECAwQF\n>\n"], 1),
            ("several lines", &["<\nAAEC\nAwQF\n>\n"], 1),
            ("padding", &["<\nAAECAwQ=\n>\n"], 1),
            ("two, and commentary", &["# first\n<\nAAEC\n>\n\n# second: é\n<\nAwQF\n>\n"], 2),
            ("the same twice", &["<\nAAEC\n>\n<\nAAEC\n>\n"], 2),
            ("line ends of another system", &["<\r\nAAEC\r\n>\r\n"], 1),
            ("no line end at the end", &["<\nAAEC\n>"], 1),
        ] {
            let pem = mark(lines);
            let found = certificates(pem.as_bytes());
            assert_eq!(found.as_ref().map(Vec::len), Some(expect), "{name}");
            assert_eq!(found, by_library(&pem), "{name}");
        }
    }

    #[test]
    fn what_is_not_plainly_certificates_is_left_to_the_library() {
        for (name, lines) in [
            ("a key beside", &["<\nAAEC\n>\n-----BEGIN PRIVATE KEY-----\nAAEC\n-----END PRIVATE KEY-----\n"][..]),
            ("a mark with a blank behind", &["-----BEGIN CERTIFICATE----- \nAAEC\n>\n"]),
            ("a mark behind a line end of old", &["comment\r<\nAAEC\n>\n"]),
            ("no end", &["<\nAAEC\n"]),
            ("another end", &["<\nAAEC\n-----END CRL-----\n"]),
            ("a beginning within", &["<\nAAEC\n<\nAwQF\n>\n"]),
            ("an end alone", &[">\n"]),
            ("no base64", &["<\nA?EC\n>\n"]),
            ("bits left over", &["<\nAAED\nAR==\n>\n"]),
            ("padding missing", &["<\nAAECAw\n>\n"]),
            ("blanks within", &["<\nAA EC\n>\n"]),
        ] {
            assert_eq!(certificates(mark(lines).as_bytes()), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_the_library_reads_too(
            lines in prop::collection::vec("<|>|[A-D]{4}|AAE=|AA==|[ -~\r]{0,12}|-{4,6}", 0..12),
            end in "\n|\r\n",
        ) {
            let pem = mark(&lines.iter().flat_map(|line| [line.as_str(), end.as_str()]).collect::<Vec<_>>());
            if let Some(found) = certificates(pem.as_bytes()) {
                prop_assert_eq!(Some(found), by_library(&pem));
            }
        }

        #[test]
        fn certificates_of_any_length_come_back(ders in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..4)) {
            let wrapped = |der: &Vec<u8>| {
                let encoded = STANDARD.encode(der);
                let lines: Vec<&str> = encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
                format!("{BEGIN_LINE}\n{}\n{END_LINE}\n", lines.join("\n"))
            };
            let pem: String = ders.iter().map(wrapped).collect();
            let expect: Vec<CertificateDer<'static>> = ders.into_iter().map(CertificateDer::from).collect();
            prop_assert_eq!(certificates(pem.as_bytes()), Some(expect));
        }
    }
}
