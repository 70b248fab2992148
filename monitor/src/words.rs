//! Figures in sentences.

/// A count with a comma at every third digit.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time: `26 ms`, `4.2 s`, `55 s`, `3 min`, `2 h`.
pub(crate) fn time(seconds: f64) -> String {
    match seconds {
        0.000_5..0.1 => format!("{:.0} ms", seconds * 1e3),
        ..10.0 => format!("{seconds:.1} s"),
        ..120.0 => format!("{seconds:.0} s"),
        ..7_200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.0} h", seconds / 3_600.0),
    }
}

/// `lane 3`, or `lanes 3, 5 and 7`.
pub(crate) fn lanes(numbers: &[u16]) -> String {
    match numbers {
        [one] => format!("lane {one}"),
        [rest @ .., last] => {
            let rest: Vec<_> = rest.iter().map(u16::to_string).collect();
            format!("lanes {} and {last}", rest.join(", "))
        }
        [] => "no lane".to_owned(),
    }
}

/// `1 worker`, `2 workers`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {one}{plural}", grouped(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        let texts = [0, 999, 1_000, 4_120, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "4,120", "1,234,567"]);
        assert_eq!([0.0, 0.026, 0.42, 38.0].map(time), ["0.0 s", "26 ms", "0.4 s", "38 s"]);
        assert_eq!([300.0, 10_000.0].map(time), ["5 min", "3 h"]);
        assert_eq!(lanes(&[3, 5, 7]), "lanes 3, 5 and 7");
        assert_eq!(counted(1, "worker"), "1 worker");
    }
}
