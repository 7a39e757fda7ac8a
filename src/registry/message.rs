//! A gzipped message that is read through a window, so that it takes no memory whatever it inflates to.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

/// Why a message cannot be read.
#[derive(Debug)]
pub(super) enum MessageError {
    /// It does not inflate.
    Gzip(io::Error),
    /// It ends in the middle of a field, or has a length that is no number.
    Cut,
    /// It has more fields than are read, or a number in more bytes than it needs.
    NotCanonical,
    /// Something follows its gzip stream.
    TrailingBytes,
}

/// In bytes: how much of it is inflated at once.
const WINDOW: usize = 32 << 10;

/// The fields of a message, in order.
pub(super) struct Message<'a> {
    stream: BufReader<GzDecoder<&'a [u8]>>,
    position: usize,
}

impl<'a> Message<'a> {
    pub fn inflate(gzip: &'a [u8]) -> Self {
        Self { stream: BufReader::with_capacity(WINDOW, GzDecoder::new(gzip)), position: 0 }
    }

    /// How many bytes were read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The next byte, if there is one.
    pub fn byte(&mut self) -> Result<Option<u8>, MessageError> {
        let mut byte = [0];
        let read = self.stream.read(&mut byte).map_err(MessageError::Gzip)?;
        self.position = self.position.saturating_add(read);
        let [byte] = byte;
        Ok((read > 0).then_some(byte))
    }

    /// The length of a field; none where no memory has room for it.
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
                // The same number can be written with more bytes, and no signer does so.
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

    /// Hands over so many bytes, part by part.
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

    /// Nothing may follow.
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
