//! One request and its response as the protocol library sees them. Nothing here has a time: the frames have.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};

use super::Standing;
use crate::event::{Headers, ResponseHead};

/// One request and its response under way.
pub(super) struct Exchange<'b> {
    pub(super) stream: u32,
    body: &'b [u8],
    outgoing: Option<SendStream<Bytes>>,
    response: Option<ResponseFuture>,
    incoming: Option<RecvStream>,
    pub(super) informational: Vec<u16>,
    pub(super) has_head: bool,
}

/// What polling an exchange brought.
pub(super) enum Step {
    Informational(u16),
    Head(ResponseHead),
    Bytes(Bytes),
    Done,
}

impl<'b> Exchange<'b> {
    pub(super) fn new(body: &'b [u8]) -> Self {
        Self {
            stream: 0,
            body,
            outgoing: None,
            response: None,
            incoming: None,
            informational: Vec::new(),
            has_head: false,
        }
    }

    /// The request's head has been handed to the protocol.
    pub(super) fn begin(&mut self, response: ResponseFuture, outgoing: SendStream<Bytes>) {
        self.stream = u32::from(response.stream_id());
        self.outgoing = Some(outgoing);
        self.response = Some(response);
    }

    pub(super) fn standing(&self) -> Standing {
        Standing { stream: self.stream, has_head: self.has_head }
    }

    pub(super) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<Step, h2::Error>> {
        if !self.body.is_empty()
            && let Poll::Ready(Err(error)) = self.poll_send(cx)
            && !self.has_head
            && error.reason() != Some(h2::Reason::NO_ERROR)
        {
            return Poll::Ready(Err(error));
        }
        if let Some(response) = &mut self.response {
            if let Poll::Ready(Some(informational)) = response.poll_informational(cx) {
                return Poll::Ready(informational.map(|head| Step::Informational(head.status().as_u16())));
            }
            return match Pin::new(response).poll(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(answered)) => {
                    self.response = None;
                    let (parts, body) = answered.into_parts();
                    self.incoming = Some(body);
                    Poll::Ready(Ok(Step::Head(response_head(&parts))))
                }
            };
        }
        self.poll_body(cx)
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Step, h2::Error>> {
        let Some(incoming) = &mut self.incoming else { return Poll::Ready(Ok(Step::Done)) };
        match incoming.poll_data(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(bytes))) => {
                // Cannot fail: exactly what was received is released.
                let _ = incoming.flow_control().release_capacity(bytes.len());
                Poll::Ready(Ok(Step::Bytes(bytes)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(error)),
            Poll::Ready(None) => match incoming.poll_trailers(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(_)) => Poll::Ready(Ok(Step::Done)),
            },
        }
    }

    /// Hands as much of the body to the protocol as its windows allow.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let Some(outgoing) = &mut self.outgoing else { return Poll::Ready(Ok(())) };
        while !self.body.is_empty() {
            outgoing.reserve_capacity(self.body.len());
            let capacity = match outgoing.poll_capacity(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(Some(Ok(capacity))) => capacity,
            };
            let (piece, rest) = self.body.split_at(capacity.min(self.body.len()));
            outgoing.send_data(Bytes::copy_from_slice(piece), rest.is_empty())?;
            self.body = rest;
        }
        Poll::Ready(Ok(()))
    }
}

fn response_head(parts: &http::response::Parts) -> ResponseHead {
    let headers: Headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    ResponseHead { status: parts.status.as_u16(), version: "HTTP/2".to_owned(), headers, header_bytes: 0 }
}
