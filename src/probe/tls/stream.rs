//! A TLS connection that carries data, record by record.

use std::io::Read;
use std::sync::Arc;

use rustls::{ClientConnection, ProtocolVersion};

use super::failure;
use super::records::{Record, RecordBuffer};
use super::verifier::Witness;
use crate::probe::socket::{Progress, StampedStream, StreamError};
use crate::probe::stream::{Chunk, Inbound, Outbound};

/// Read at once; a record has at most 16 KiB of plaintext.
const READ_AT_ONCE: usize = 64 * 1_024;

/// A TLS connection over a stamped stream.
#[derive(Debug)]
pub(crate) struct TlsStream {
    pub(super) session: ClientConnection,
    pub(super) witness: Arc<Witness>,
    pub(super) host: String,
    stream: StampedStream,
    outbound: Outbound,
    inbound: RecordBuffer,
    scratch: Box<[u8]>,
    peer_closed: bool,
}

impl TlsStream {
    pub(super) fn new(stream: StampedStream, session: ClientConnection, witness: Arc<Witness>, host: String) -> Self {
        let inbound = RecordBuffer::new(stream.flow(), stream.received());
        Self {
            session,
            witness,
            host,
            stream,
            outbound: Outbound::default(),
            inbound,
            scratch: vec![0; READ_AT_ONCE].into_boxed_slice(),
            peer_closed: false,
        }
    }

    /// The application protocol agreed on.
    pub(crate) fn alpn(&self) -> Option<&[u8]> {
        self.session.alpn_protocol()
    }

    pub(crate) fn stamped(&self) -> &StampedStream {
        &self.stream
    }

    pub(crate) fn stamped_mut(&mut self) -> &mut StampedStream {
        &mut self.stream
    }

    /// Encrypts `plaintext` behind what is queued already, and says at which offset of the byte stream its records end.
    pub(crate) fn queue(&mut self, plaintext: &[u8]) -> u64 {
        use std::io::Write;
        for piece in plaintext.chunks(READ_AT_ONCE) {
            // Its buffer is emptied after each piece and holds one: this cannot fail, and would show below if it did.
            let _ = self.session.writer().write_all(piece);
            self.collect_output();
        }
        self.outbound.end(&self.stream)
    }

    /// Moves what the session wants to send behind what is queued; says whether there was anything.
    pub(super) fn collect_output(&mut self) -> bool {
        let before = self.outbound.len();
        while self.session.wants_write() {
            if self.session.write_tls(&mut self.outbound).is_err() {
                break;
            }
        }
        self.outbound.len() > before
    }

    /// Where the queued bytes end in the byte stream.
    pub(super) fn queued_end(&self) -> u64 {
        self.outbound.end(&self.stream)
    }

    /// Writes queued bytes as far as the kernel takes them. Where the peer has closed, its reason may still wait to be read.
    pub(crate) fn try_flush(&mut self) -> Result<Progress<()>, StreamError> {
        let flushed = self.outbound.try_flush(&mut self.stream);
        if let Err(StreamError::Reset(_)) = flushed
            && let Err(alert @ StreamError::Tls(_)) = self.last_words()
        {
            return Err(alert);
        }
        flushed
    }

    fn last_words(&mut self) -> Result<(), StreamError> {
        while let Progress::Made(true) = self.try_fill()? {
            while let Some(record) = self.inbound.take() {
                self.process(&record)?;
            }
        }
        Ok(())
    }

    /// The next decrypted bytes, never from more than one record.
    pub(crate) fn try_chunk(&mut self) -> Result<Progress<Inbound>, StreamError> {
        loop {
            while let Some(record) = self.inbound.take() {
                self.process(&record)?;
                let bytes = self.plaintext();
                if !bytes.is_empty() {
                    let arrivals = record.arrivals.of_content(self.header_length(&record, &bytes), bytes.len());
                    return Ok(Progress::Made(Inbound::Bytes(Chunk { bytes, arrivals })));
                }
            }
            if self.peer_closed {
                return Ok(Progress::Made(Inbound::Closed));
            }
            match self.try_fill()? {
                Progress::Made(true) => {}
                Progress::Made(false) => return Ok(Progress::Made(Inbound::Truncated)),
                Progress::Blocked => return Ok(Progress::Blocked),
            }
        }
    }

    /// Reads what there is; `false` is the end of the byte stream.
    pub(super) fn try_fill(&mut self) -> Result<Progress<bool>, StreamError> {
        match self.stream.try_read(&mut self.scratch)? {
            Progress::Blocked => Ok(Progress::Blocked),
            Progress::Made((0, _)) => Ok(Progress::Made(false)),
            Progress::Made((length, arrivals)) => {
                self.inbound.push(&self.scratch[..length], arrivals);
                Ok(Progress::Made(true))
            }
        }
    }

    /// The next complete record, for [`TlsStream::process`].
    pub(super) fn next_record(&mut self) -> Option<Record> {
        self.inbound.take()
    }

    pub(super) fn process(&mut self, record: &Record) -> Result<(), StreamError> {
        let mut rest = record.bytes.as_slice();
        while !rest.is_empty() {
            let taken = self.session.read_tls(&mut rest).unwrap_or(0);
            let state = self.session.process_new_packets();
            // Alerts and key updates that the session answers with; written with the next flush.
            self.collect_output();
            match state {
                Ok(state) => self.peer_closed |= state.peer_has_closed(),
                Err(error) => {
                    // The peer should learn why, if it still listens.
                    let _ = self.outbound.try_flush(&mut self.stream);
                    let failure = failure::explain(&error, &self.witness.seen(), &self.host);
                    return Err(StreamError::Tls(Box::new(failure)));
                }
            }
            if taken == 0 {
                break;
            }
        }
        Ok(())
    }

    /// What stands before a record's content: its header, and in TLS 1.2 with AES-GCM a nonce of 8 bytes (RFC 5288 §3), which
    /// shows in how much longer than its content a record is. All ciphers here are stream ciphers: the n-th byte of the content
    /// is the n-th behind that.
    fn header_length(&self, record: &Record, content: &[u8]) -> u64 {
        const HEADER: u64 = 5;
        const NONCE: u64 = 8;
        const TAG: u64 = 16;
        let overhead = (record.bytes.len() - content.len().min(record.bytes.len())) as u64;
        let has_nonce =
            self.session.protocol_version() == Some(ProtocolVersion::TLSv1_2) && overhead == HEADER + NONCE + TAG;
        if has_nonce { HEADER + NONCE } else { HEADER }
    }

    fn plaintext(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Ends with `WouldBlock` once everything decrypted has been read; what was read before that stays.
        let _ = self.session.reader().read_to_end(&mut bytes);
        bytes
    }
}
