//! Content codings (RFC 9110, section 8.4): a body that comes packed.

use std::io::{self, Write};

use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use bytes::{BufMut, Bytes, BytesMut};
use flate2::write::MultiGzDecoder;

use crate::problem::{Problem, ProblemType};

/// Packed bytes after which others get their turn: gzip unpacks them to 4 MiB at the most, some ten milliseconds of work.
pub const PACKED_BYTES_PER_TURN: usize = 4 * 1024;

/// How a body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// RFC 1952, one member or several.
    Gzip,
}

impl Coding {
    /// What the head says: names in whatever case, `x-gzip` for `gzip` (RFC 9110, section 8.4.1.3).
    pub fn of(headers: &HeaderMap) -> Result<Coding, Problem> {
        let values = headers.get_all(CONTENT_ENCODING).iter();
        let text: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let named = text.iter().flat_map(|value| value.split(',')).map(str::trim);
        let codings: Vec<_> =
            named.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity")).collect();
        match codings.as_slice() {
            [] => Ok(Coding::Identity),
            [one] if one.eq_ignore_ascii_case("gzip") || one.eq_ignore_ascii_case("x-gzip") => {
                Ok(Coding::Gzip)
            }
            _ => Err(unsupported(&text.join(", "))),
        }
    }
}

fn unsupported(codings: &str) -> Problem {
    let shown: String = codings.chars().take(80).collect();
    let detail = format!(
        "the body comes with the content coding {shown:?}; send it packed once with gzip (Content-Encoding: gzip), or as it \
         is, without that header"
    );
    Problem::new(ProblemType::UnsupportedMediaType, detail).accept_encoding("gzip, identity")
}

/// Packed bytes that are read of a body which may have so many unpacked: what cannot be packed grows a little, and
/// empty members unpack to nothing.
pub const fn packed_bytes_max(bytes_max: usize) -> usize {
    bytes_max + bytes_max / 64 + 1024
}

/// Unpacks a body piece by piece.
pub struct Unpacker<F: FnMut(usize) -> Result<(), Problem>>(MultiGzDecoder<Unpacked<F>>);

impl<F: FnMut(usize) -> Result<(), Problem>> Unpacker<F> {
    /// `fit` is asked for as many bytes in all, before they are kept.
    pub fn new(fit: F) -> Unpacker<F> {
        Unpacker(MultiGzDecoder::new(Unpacked { all: BytesMut::new(), fit, refused: None }))
    }

    /// Takes the next piece of the packed body.
    pub fn take(&mut self, packed: &[u8]) -> Result<(), Problem> {
        self.0.write_all(packed).map_err(|error| self.problem(&error))
    }

    /// The whole body, after the last piece.
    pub fn end(mut self) -> Result<Bytes, Problem> {
        match self.0.try_finish() {
            Ok(()) => Ok(std::mem::take(&mut self.0.get_mut().all).freeze()),
            Err(error) => Err(self.problem(&error)),
        }
    }

    fn problem(&mut self, error: &io::Error) -> Problem {
        self.0.get_mut().refused.clone().unwrap_or_else(|| {
            let detail = format!(
                "the body is not whole gzip ({error}), though Content-Encoding says so; nothing of it was accepted. Pack it \
                 anew, or send it as it is, without that header"
            );
            Problem::new(ProblemType::DamagedBody, detail)
        })
    }
}

/// What has been unpacked, within a limit.
struct Unpacked<F> {
    all: BytesMut,
    fit: F,
    /// Why no more of it is taken.
    refused: Option<Problem>,
}

impl<F: FnMut(usize) -> Result<(), Problem>> Write for Unpacked<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let full = || io::Error::other("no room");
        // The decoder offers what it has once more when it is dropped.
        if self.refused.is_some() {
            return Err(full());
        }
        if let Err(problem) = (self.fit)(self.all.len() + bytes.len()) {
            self.refused = Some(problem);
            return Err(full());
        }
        self.all.put_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    fn unpacked(pieces: &[&[u8]], bytes_max: usize) -> Result<Bytes, Problem> {
        let fit = |bytes| match bytes {
            few if few <= bytes_max => Ok(()),
            _ => Err(Problem::new(ProblemType::BodyTooLarge, "too many")),
        };
        let mut unpacker = Unpacker::new(fit);
        pieces.iter().try_for_each(|piece| unpacker.take(piece))?;
        unpacker.end()
    }

    #[test]
    fn codings_are_distinguished_whatever_their_case() {
        let coding = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            Coding::of(&headers).map_err(|problem| problem.slug())
        };
        for plain in [&[][..], &["identity"], &["Identity, identity"], &[""], &["", "identity"]] {
            assert_eq!(coding(plain), Ok(Coding::Identity), "{plain:?}");
        }
        for gzip in [&["gzip"][..], &["GZip"], &["x-gzip"], &[" gzip , identity"], &["identity", "gzip"]] {
            assert_eq!(coding(gzip), Ok(Coding::Gzip), "{gzip:?}");
        }
        for other in
            [&["br"][..], &["gzip, gzip"], &["gzip", "gzip"], &["deflate"], &["gzip;q=1"], &["\u{e9}"]]
        {
            assert_eq!(coding(other), Err("unsupported-media-type"), "{other:?}");
        }
    }

    #[test]
    fn several_members_in_any_pieces_are_one_body() {
        let both = [packed(b"one"), packed(b""), packed(b", two")].concat();
        for size in 1..both.len() {
            let pieces: Vec<_> = both.chunks(size).collect();
            assert_eq!(unpacked(&pieces, 8).unwrap(), "one, two", "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_cut_off_or_damaged_anywhere_is_refused() {
        let whole = packed(b"some text, some text, some text");
        for end in 0..whole.len() {
            let problem = unpacked(&[&whole[..end]], 100).unwrap_err();
            assert_eq!(problem.slug(), "damaged-body", "cut off after {end}");
        }
        let mut flipped = whole.clone();
        let last = flipped.len() - 5;
        flipped[last] ^= 1;
        assert_eq!(unpacked(&[&flipped], 100).unwrap_err().slug(), "damaged-body");
        let trailing = [&whole[..], b"more"].concat();
        assert_eq!(unpacked(&[&trailing], 100).unwrap_err().slug(), "damaged-body");
    }

    #[test]
    fn a_bomb_is_cut_off_at_the_limit() {
        let bomb = packed(&vec![0; 50_000_000]);
        let mut kept = 0;
        let mut unpacker = Unpacker::new(|bytes| {
            kept = bytes;
            if bytes > 100_000 { Err(Problem::new(ProblemType::BodyTooLarge, "too many")) } else { Ok(()) }
        });
        assert_eq!(unpacker.take(&bomb).unwrap_err().slug(), "body-too-large");
        drop(unpacker);
        assert!(kept < 200_000, "no more than a piece beyond the limit: {kept}");
    }
}
