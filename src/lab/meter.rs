//! A stream that counts the bytes that pass it.
//!
//! The counters outlive the stream, since whoever serves a connection takes the stream and gives it back to nobody.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes have passed.
#[derive(Debug, Default)]
pub(super) struct Meter {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Meter {
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// A stream with its meter.
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    meter: Arc<Meter>,
}

impl<S> Metered<S> {
    pub(super) const fn new(stream: S, meter: Arc<Meter>) -> Self {
        Self { stream, meter }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        let more = buffer.filled().len().saturating_sub(before);
        this.meter.received.fetch_add(more as u64, Ordering::Relaxed);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(context, bytes))?;
        this.meter.sent.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(context, slices))?;
        this.meter.sent.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn both_directions_are_counted_apart_and_nothing_is_changed() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let meter = Arc::<Meter>::default();
        let (ours, mut theirs) = tokio::io::duplex(64);
        let ours = Metered::new(ours, Arc::clone(&meter));
        let (mut from_them, mut to_them) = tokio::io::split(ours);
        let mut heard = Vec::new();
        runtime.block_on(async {
            let (us, them) = tokio::join!(
                async {
                    to_them.write_all(b"seven b").await?;
                    let written = to_them.write_vectored(&[io::IoSlice::new(b"x"), io::IoSlice::new(b"y")]).await?;
                    assert!(written > 0);
                    to_them.shutdown().await?;
                    from_them.read_to_end(&mut heard).await.map(|_| written)
                },
                async {
                    theirs.write_all(b"and ten of").await?;
                    let mut said = Vec::new();
                    theirs.read_to_end(&mut said).await?;
                    theirs.shutdown().await?;
                    io::Result::Ok(said)
                }
            );
            let (written, said) = (us.unwrap(), them.unwrap());
            assert_eq!((said.len(), &said[..7]), (7 + written, b"seven b".as_slice()));
        });
        assert_eq!(heard, b"and ten of");
        assert_eq!(meter.received(), 10);
        assert!(matches!(meter.sent(), 8 | 9), "{meter:?}");
    }
}
