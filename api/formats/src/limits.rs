//! How much of a file is taken.

/// The most bytes of one row, in UTF-8: a journal of 100 legs is some 8 KiB.
pub const ROW_BYTES_MAX: usize = 64 * 1024;

/// The most bytes that a gzip file may unfold to: ten times the default upload.
pub const UNFOLDED_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The most bytes that each byte of gzip may unfold to. Files of payments come to some 10 to 40; a bomb to 1,000.
pub const UNFOLDED_RATIO_MAX: u64 = 200;
