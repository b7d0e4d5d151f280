//! What load balancers that know connections tell of them.

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::lab::evidence::Log;

const ASKED: &str = "GET /a HTTP/1.1\r\nHost: nlb.lab.test\r\n\r\n";

fn logging() -> (Lab, TempDir) {
    let logs = tempfile::tempdir().unwrap();
    let options = LabOptions { logs: Some(logs.path().to_owned()), ..LabOptions::default() };
    (Lab::start(&Profile::default(), &options).unwrap(), logs)
}

/// The fields of each line.
fn lines(logs: &TempDir) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(logs.path().join(Log::NlbTls.file_name())).unwrap();
    text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

/// The same, once the servers have told of a connection that is over.
async fn first_line(lab: &Lab, logs: &TempDir) -> Vec<String> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        lab.write_out_logs();
        if let Some(line) = lines(logs).into_iter().next() {
            return line;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no line")
}

/// Asks once; how many bytes came back.
async fn ask(stream: &mut TlsStream<TcpStream>) -> usize {
    stream.write_all(ASKED.as_bytes()).await.unwrap();
    let mut came = Vec::new();
    loop {
        assert_ne!(stream.read_buf(&mut came).await.unwrap(), 0, "{came:?}");
        let text = String::from_utf8_lossy(&came).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return came.len();
        }
    }
}

#[test]
fn a_connection_is_logged_with_its_bytes_once_it_is_over_and_not_before() {
    let (lab, logs) = logging();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stream = connect(&lab, Version::Http1, "nlb.lab.test").await.into_inner();
        let client = stream.get_ref().0.local_addr().unwrap().to_string();
        let came = ask(&mut stream).await + ask(&mut stream).await;
        lab.write_out_logs();
        assert_eq!(lines(&logs), Vec::<Vec<String>>::new());
        drop(stream);
        let line = first_line(&lab, &logs).await;
        assert_eq!((line.len(), &line[5]), (22, &client), "{line:?}");
        assert_eq!(line[6], format!("127.0.0.1:{}", port(&lab, "nlb")), "{line:?}");
        assert_eq!(line[9..12], [(2 * ASKED.len()).to_string(), came.to_string(), "-".to_owned()], "{line:?}");
        assert_eq!(line[15..21], ["tlsv13", "-", "nlb.lab.test", "http/1.1", "-", "\"http/1.1\""], "{line:?}");
        let [whole, handshake] = [7, 8].map(|field| line[field].parse::<u64>().unwrap());
        assert!(handshake <= whole, "{line:?}");
    });
}

#[test]
fn the_end_of_the_lab_is_the_end_of_its_connections() {
    let (lab, logs) = logging();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut nlb = connect(&lab, Version::Http1, "nlb.lab.test").await.into_inner();
        let came = ask(&mut nlb).await;
        // Nobody else's are logged there.
        let _elb = connect(&lab, Version::Http2, "elb.lab.test").await;
        let _clb = connect(&lab, Version::Http1, "clb.lab.test").await;
        assert!(lab.stop(Nanos::ZERO).is_empty());
        let lines = lines(&logs);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0][9..11], [ASKED.len().to_string(), came.to_string()], "{lines:?}");
    });
}

#[test]
fn a_client_that_trusts_nobody_leaves_a_line_with_its_alert_and_without_a_handshake() {
    let (lab, logs) = logging();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let stream = TcpStream::connect(("127.0.0.1", port(&lab, "nlb"))).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("nlb.lab.test").unwrap();
        assert!(connector.connect(name, stream).await.is_err());
        let line = first_line(&lab, &logs).await;
        // 48 is unknown_ca (RFC 8446 §6.2).
        assert_eq!(line[8..12], ["-", "0", "0", "48"], "{line:?}");
        assert_eq!(line[14..21], ["-", "-", "-", "nlb.lab.test", "-", "-", "-"], "{line:?}");
    });
}

#[test]
fn a_classic_load_balancer_speaks_tls_1_2_and_http_1_1() {
    let lab = lab();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = connect(&lab, Version::Http2, "clb.lab.test").await.into_inner();
        let session = stream.get_ref().1;
        assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
        assert_eq!(session.alpn_protocol(), None);
    });
}
