//! Texts of files made to fit the fields of a job, and the reasons that quote them.

/// Blanks of every width.
pub fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{A0}' | '\u{202F}' | '\u{2009}' | '\u{FEFF}')
}

/// A text on one line, with single blanks; cut at a word where it is the bank's and longer than ours may be.
pub fn one_line(text: &str, may_cut: bool, chars_max: usize) -> String {
    let blank = |c: char| is_blank(c) || c.is_control();
    let words: Vec<&str> = text.split(blank).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    let Some((end, _)) = line.char_indices().nth(chars_max).filter(|_| may_cut) else { return line };
    // One character is for the mark that something is missing.
    let room = line.char_indices().nth(chars_max - 1).map_or(end, |(at, _)| at);
    let kept = line.get(..room).unwrap_or_default();
    let words = kept.rfind(' ').filter(|at| kept.len() - at < 20).and_then(|at| kept.get(..at));
    format!("{}…", words.unwrap_or(kept))
}

/// The start of a text, as a reason quotes it.
pub fn shown(text: &str) -> String {
    let start: String = text.chars().take(40).collect();
    format!("{start:?}")
}
