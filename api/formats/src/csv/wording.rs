//! What a text says, whatever sets it and whatever a map makes of it.

/// What every separator counts as.
const SEPARATOR: u8 = 0x1F;

/// Gathers what a text says, line by line, and measures how much it has said.
///
/// Blanks, line ends and quotes only set a text, one separator is as good as another, and those at the end of a line
/// hold nothing. Letters beyond ASCII are another text in each charset. So nothing of these counts, and a file that is
/// read with another setting (its quote, its rows, its header, its charset) is still the same one, with every row in
/// its place.
#[derive(Debug, Default)]
pub struct Wording {
    hasher: blake3::Hasher,
    said: Vec<u8>,
    bytes: u64,
}

impl Wording {
    /// Adds a line, and tells how many bytes were said before it.
    pub fn add_line(&mut self, line: &[u8], separator: u8) -> u64 {
        let before = self.bytes;
        for byte in line {
            match byte {
                b';' | b',' | b'|' | b'\t' => self.said.push(SEPARATOR),
                byte if *byte == separator => self.said.push(SEPARATOR),
                // Programs that write returns alone end their lines so.
                b'\r' => self.end_line(),
                b'"' | b'\'' => (),
                byte if byte.is_ascii_graphic() => self.said.push(byte.to_ascii_lowercase()),
                _ => (),
            }
        }
        self.end_line();
        before
    }

    fn end_line(&mut self) {
        let filled = self.said.iter().rposition(|byte| *byte != SEPARATOR).map_or(0, |last| last + 1);
        self.said.truncate(filled);
        self.hasher.update(&self.said);
        self.bytes += self.said.len() as u64;
        self.said.clear();
    }

    /// A hash of all that was said.
    pub fn hash(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> ([u8; 32], Vec<u64>) {
        let mut wording = Wording::default();
        let places = text.split_inclusive('\n').map(|line| wording.add_line(line.as_bytes(), b';')).collect();
        (wording.hash(), places)
    }

    #[test]
    fn what_only_sets_a_text_is_no_part_of_what_it_says() {
        let plain = said("Datum;Betrag;Text\n1.12.;12,50;Miete Zoë\n2.12.;;x\n");
        assert_eq!(
            plain,
            said("\"Datum\",\"Betrag\",\"Text\"\r\n1.12.,\"12,50\",Miete Zo\u{fffd},,\r\n2.12.|\t x;;")
        );
        assert_eq!(plain.0, said("Datum;Betrag;Text\n\n1.12.;12,50;\"Miete\nZoë\"\r2.12.;;x\r\r\n").0);
    }

    #[test]
    fn an_empty_cell_and_a_digit_are_part_of_it() {
        let plain = said("a;12;;x\n");
        for other in ["a;;12;x\n", "a;1;2;x\n", "a;13;;x\n", "a;12;x\n"] {
            assert_ne!(plain.0, said(other).0, "{other}");
        }
    }
}
