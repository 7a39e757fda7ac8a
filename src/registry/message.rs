//! Reads a gzipped protobuf message through a window, in constant memory whatever its size.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

/// Why a message is refused.
#[derive(Debug)]
pub(super) enum MessageError {
    /// The data does not inflate.
    Gzip(io::Error),
    /// The message ends within a field, or a length is not a valid varint.
    Cut,
    /// The message has further fields, or a varint that is longer than necessary.
    NotCanonical,
    /// Bytes follow the gzip stream.
    TrailingBytes,
}

/// The size of the window, in bytes.
const WINDOW: usize = 32 << 10;

/// Reads the fields of a message in order.
pub(super) struct Message<'a> {
    stream: BufReader<GzDecoder<&'a [u8]>>,
    position: usize,
}

impl<'a> Message<'a> {
    pub fn inflate(gzip: &'a [u8]) -> Self {
        Self { stream: BufReader::with_capacity(WINDOW, GzDecoder::new(gzip)), position: 0 }
    }

    /// The number of inflated bytes that were read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The next byte; `None` at the end.
    pub fn byte(&mut self) -> Result<Option<u8>, MessageError> {
        let mut byte = [0];
        let read = self.stream.read(&mut byte).map_err(MessageError::Gzip)?;
        self.position = self.position.saturating_add(read);
        let [byte] = byte;
        Ok((read > 0).then_some(byte))
    }

    /// The length of a field; `None` if it exceeds the address space.
    pub fn length(&mut self) -> Result<Option<usize>, MessageError> {
        let mut length: u64 = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?.ok_or(MessageError::Cut)?;
            let bits = u64::from(byte & 0x7F);
            if bits.leading_zeros() < shift {
                return Err(MessageError::Cut);
            }
            length |= bits.wrapping_shl(shift);
            if byte < 0x80 {
                // A number can be encoded in more bytes than necessary. No signer does that.
                let is_shortest = byte > 0 || shift == 0;
                return if is_shortest {
                    Ok(length.try_into().ok())
                } else {
                    Err(MessageError::NotCanonical)
                };
            }
        }
        Err(MessageError::Cut)
    }

    /// Passes `length` bytes to `each`, in parts.
    pub fn take(&mut self, length: usize, mut each: impl FnMut(&[u8])) -> Result<(), MessageError> {
        let mut left = length;
        while left > 0 {
            let window = self.stream.fill_buf().map_err(MessageError::Gzip)?;
            let part = window.get(..left).unwrap_or(window);
            if part.is_empty() {
                return Err(MessageError::Cut);
            }
            each(part);
            let taken = part.len();
            self.stream.consume(taken);
            self.position = self.position.saturating_add(taken);
            left = left.saturating_sub(taken);
        }
        Ok(())
    }

    /// Checks that nothing follows.
    pub fn end(mut self) -> Result<(), MessageError> {
        if self.byte()?.is_some() {
            return Err(MessageError::NotCanonical);
        }
        if self.stream.into_inner().into_inner().is_empty() {
            Ok(())
        } else {
            Err(MessageError::TrailingBytes)
        }
    }
}
