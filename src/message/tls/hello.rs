//! What a ClientHello offers and a ServerHello chooses (RFC 8446 §4.1, §4.2).
//!
//! Deliberately absent: everything in them that says nothing about time or about who is meant.

/// The random of a ServerHello that is a HelloRetryRequest: SHA-256 of its name (RFC 8446 §4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Extension numbers (IANA).
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const PRE_SHARED_KEY: u16 = 41;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;

/// What a client offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The host meant (RFC 6066 §3); of Encrypted ClientHello this is the outer one.
    pub server_name: Option<String>,
    /// Application protocols, the preferred one first.
    pub alpn: Vec<String>,
    /// Versions, as sent; without the extension the one legacy version. Numbers that only grease are left out (RFC 8701).
    pub versions: Vec<u16>,
    /// Names an earlier session (RFC 5246) or nothing (RFC 8446).
    pub session_id: Vec<u8>,
}

/// What a server chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerHello {
    /// The version.
    pub version: u16,
    /// The cipher suite.
    pub cipher: u16,
    /// The key exchange group of TLS 1.3; in a HelloRetryRequest the one asked for.
    pub group: Option<u16>,
    /// The application protocol. TLS 1.3 encrypts it.
    pub alpn: Option<String>,
    /// A pre-shared key was chosen: TLS 1.3 resumes a session, or both ends had a key before.
    pub by_key: bool,
    /// This is a HelloRetryRequest: the client has to begin again.
    pub is_retry: bool,
    /// Names the session; that of the client where TLS 1.2 resumes.
    pub session_id: Vec<u8>,
}

impl ClientHello {
    /// Reads the body of a handshake message of type 1. `None` where it contradicts itself.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut body = Bytes(body);
        let legacy_version = body.u16()?;
        body.take(32)?;
        let session_id = body.vec8()?.to_vec();
        body.vec16()?;
        body.vec8()?;
        let mut hello = Self { session_id, versions: vec![legacy_version], ..Self::default() };
        for (kind, content) in body.extensions()? {
            let mut content = Bytes(content);
            match kind {
                SERVER_NAME => hello.server_name = server_name(content.vec16()?),
                ALPN => hello.alpn = protocols(content.vec16()?),
                SUPPORTED_VERSIONS => {
                    let pairs = content.vec8()?.chunks_exact(2);
                    let versions = pairs.map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
                    hello.versions = versions.filter(|version| !is_grease(*version)).collect();
                }
                _ => {}
            }
        }
        Some(hello)
    }
}

impl ServerHello {
    /// Reads the body of a handshake message of type 2. `None` where it contradicts itself.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut body = Bytes(body);
        let version = body.u16()?;
        let is_retry = body.take(32)? == RETRY;
        let session_id = body.vec8()?.to_vec();
        let cipher = body.u16()?;
        body.take(1)?;
        let mut hello = Self { version, cipher, is_retry, session_id, ..Self::default() };
        for (kind, content) in body.extensions()? {
            let mut content = Bytes(content);
            match kind {
                SUPPORTED_VERSIONS => hello.version = content.u16()?,
                KEY_SHARE => hello.group = Some(content.u16()?),
                PRE_SHARED_KEY => hello.by_key = true,
                ALPN => hello.alpn = protocols(content.vec16()?).into_iter().next(),
                _ => {}
            }
        }
        Some(hello)
    }
}

fn server_name(list: &[u8]) -> Option<String> {
    let mut list = Bytes(list);
    while let Some(kind) = list.take(1) {
        let name = list.vec16()?;
        if kind == [0] {
            // A name is ASCII; what is not could do anything to a terminal or a URL.
            let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
            let text = String::from_utf8(name.to_vec()).ok()?.to_ascii_lowercase();
            return (!text.is_empty() && text.len() <= 255 && name.iter().all(is_host)).then_some(text);
        }
    }
    None
}

fn protocols(list: &[u8]) -> Vec<String> {
    let mut list = Bytes(list);
    let mut protocols = Vec::new();
    while let Some(name) = list.vec8() {
        if !matches!(name, [first, second] if first == second && first & 0x0f == 0x0a) {
            protocols.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    protocols
}

/// Numbers that keep servers used to numbers that they do not know (RFC 8701 §2).
const fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

/// Bytes that are taken from the front.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Bytes behind a length of one byte.
    fn vec8(&mut self) -> Option<&'b [u8]> {
        let length = self.take(1)?[0];
        self.take(usize::from(length))
    }

    /// Bytes behind a length of two bytes.
    fn vec16(&mut self) -> Option<&'b [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// Number and content of each extension; TLS before 1.2 may have no list of them at all.
    fn extensions(&mut self) -> Option<impl Iterator<Item = (u16, &'b [u8])> + use<'b>> {
        let mut list = Bytes(if self.0.is_empty() { &[] } else { self.vec16()? });
        Some(std::iter::from_fn(move || Some((list.u16()?, list.vec16()?))))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vec16(bytes: &[u8]) -> Vec<u8> {
        [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
    }

    fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &vec16(content)].concat()
    }

    /// A hello's body: version, random, session id, what is in the middle, extensions.
    fn hello(version: u16, random: &[u8; 32], session_id: &[u8], middle: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
        let id_length = u8::try_from(session_id.len()).unwrap();
        let extensions = vec16(&extensions.concat());
        [&version.to_be_bytes()[..], random, &[id_length], session_id, middle, &extensions].concat()
    }

    pub(in super::super) fn client_hello() -> Vec<u8> {
        let name = [&[0][..], &vec16(b"Example.com")].concat();
        let extensions = [
            extension(0x0a0a, &[]),
            extension(SERVER_NAME, &vec16(&name)),
            extension(ALPN, &vec16(b"\x02\x1a\x1a\x02h2\x08http/1.1")),
            extension(SUPPORTED_VERSIONS, &[6, 0x1a, 0x1a, 3, 4, 3, 3]),
        ];
        hello(0x0303, &[7; 32], &[9; 32], &[0, 2, 0x13, 0x01, 1, 0], &extensions)
    }

    pub(in super::super) fn server_hello(random: &[u8; 32], extensions: &[Vec<u8>]) -> Vec<u8> {
        hello(0x0303, random, &[9; 32], &[0x13, 0x01, 0], extensions)
    }

    #[test]
    fn a_client_hello_names_host_protocols_and_versions() {
        let expect = ClientHello {
            server_name: Some("example.com".to_owned()),
            alpn: vec!["h2".to_owned(), "http/1.1".to_owned()],
            versions: vec![0x0304, 0x0303],
            session_id: vec![9; 32],
        };
        assert_eq!(ClientHello::parse(&client_hello()), Some(expect));
        let old = hello(0x0301, &[0; 32], &[], &[0, 2, 0, 0x2f, 1, 0], &[]);
        let old = &old[..old.len() - 2];
        assert_eq!(ClientHello::parse(old).unwrap().versions, [0x0301]);
    }

    #[test]
    fn a_server_hello_chooses_or_asks_again() {
        let modern = [
            extension(SUPPORTED_VERSIONS, &[3, 4]),
            extension(KEY_SHARE, &[&[0, 0x1d, 0, 1][..], &[0]].concat()),
            extension(PRE_SHARED_KEY, &[0, 0]),
        ];
        let chosen = ServerHello::parse(&server_hello(&[1; 32], &modern)).unwrap();
        assert_eq!((chosen.version, chosen.cipher, chosen.group), (0x0304, 0x1301, Some(0x1d)));
        assert!(chosen.by_key && !chosen.is_retry);
        let retry = [extension(SUPPORTED_VERSIONS, &[3, 4]), extension(KEY_SHARE, &[0, 0x17])];
        let retry = ServerHello::parse(&server_hello(&RETRY, &retry)).unwrap();
        assert_eq!((retry.is_retry, retry.group), (true, Some(0x17)));
        let old = [extension(ALPN, &vec16(b"\x02h2"))];
        let old = ServerHello::parse(&server_hello(&[1; 32], &old)).unwrap();
        assert_eq!((old.version, old.alpn.as_deref(), old.session_id.len()), (0x0303, Some("h2"), 32));
    }

    #[test]
    fn names_that_are_none_are_absent() {
        for name in [&b""[..], b"a\x1b[31m", "h\u{e9}".as_bytes(), b"a b"] {
            assert_eq!(server_name(&[&[0][..], &vec16(name)].concat()), None, "{name:?}");
        }
        assert_eq!(server_name(&[]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_and_any_damage_are_hellos_or_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..200, to in any::<u8>(), cut in 0_usize..200) {
            let mut damaged = client_hello();
            let length = damaged.len();
            damaged[at % length] = to;
            for bytes in [&bytes[..], &damaged, &damaged[..cut.min(length)]] {
                let _ = ClientHello::parse(bytes);
                let _ = ServerHello::parse(bytes);
            }
        }
    }
}
