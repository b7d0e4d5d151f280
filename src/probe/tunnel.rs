//! A tunnel through an HTTP proxy: CONNECT (RFC 9110 §9.3.6). Its round trip counts to `connect`, since the connection to
//! the server is established only with it.

use super::deadline::Deadline;
use super::fault::fault;
use super::http::{BodySink, Call, Connection, ExchangeLog, Head, Protocol};
use super::socket::{Arrival, StampedStream};
use super::stream::Stream;
use crate::event::{Failure, FailureCode, Phase};
use crate::target::Proxy;

/// Asks the proxy at the other end of `stream` for a tunnel; gives the stream back, and when the tunnel was there.
pub(super) fn open(
    stream: StampedStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
    deadline: &Deadline,
) -> Result<(StampedStream, Arrival), Failure> {
    let mut connection = Connection::new(Stream::plain(stream), Protocol::H1);
    let mut log = ExchangeLog::default();
    let head = Head::connect(&format!("{host}:{port}"), proxy.credentials.as_ref());
    let mut nowhere = BodySink::as_is(None);
    let call = Call { head: &head, body: &[], sink: &mut nowhere, log: &mut log, deadline };
    let exchanged = connection.exchange(call);
    let refused = |why: String| fault(Phase::Connect, FailureCode::ConnectProxyRefused, why);
    // A proxy that has refused has refused, whatever became of the body in which it says why.
    if let Some(status) = log.head.as_ref().map(|head| head.status).filter(|status| !(200..300).contains(status)) {
        let hint = if status == 407 { " (it wants credentials: -x http://user:password@host:port)" } else { "" };
        let message =
            format!("the proxy {}:{} answered {status} to CONNECT {host}:{port}{hint}", proxy.host, proxy.port);
        return Err(refused(message));
    }
    exchanged.map_err(|failure| charge_to_connect(&failure, proxy))?;
    let established = log.head_complete;
    let stream = connection.into_clear_stream();
    stream.zip(established).ok_or_else(|| refused("the proxy ended the tunnel at once".to_owned()))
}

fn charge_to_connect(failure: &Failure, proxy: &Proxy) -> Failure {
    let code = match failure.code {
        FailureCode::ClientInterrupted => FailureCode::ClientInterrupted,
        FailureCode::SendTimeout | FailureCode::WaitTimeout | FailureCode::ReceiveTimeout => {
            FailureCode::ConnectTimeout
        }
        _ => FailureCode::ConnectFailed,
    };
    fault(
        Phase::Connect,
        code,
        format!("no tunnel through the proxy {}:{}: {}", proxy.host, proxy.port, failure.message),
    )
}
