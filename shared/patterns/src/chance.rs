//! Chance: how likely random dates would fit as well.

/// Natural logarithm of the probability that of `n` independent trials, each with the chance `q`, at least `k`
/// succeed.
pub(super) fn ln_at_least(n: usize, k: usize, q: f64) -> f64 {
    if k == 0 || q >= 1.0 {
        return 0.0;
    }
    if q <= 0.0 || k > n {
        return f64::NEG_INFINITY;
    }
    let (ln_q, ln_not) = (q.ln(), (-q).ln_1p());
    // The first term, then each from the one before it; beyond the peak they fall fast.
    let mut term = ln_choose(n, k) + k as f64 * ln_q + (n - k) as f64 * ln_not;
    let largest = term;
    let mut sum = 0.0;
    let mut scale = largest;
    for i in k..=n {
        if term > scale {
            sum *= (scale - term).exp();
            scale = term;
        }
        let share = (term - scale).exp();
        sum += share;
        if share < 1e-12 && (i as f64) > n as f64 * q {
            break;
        }
        if i < n {
            term += ((n - i) as f64 / (i + 1) as f64).ln() + ln_q - ln_not;
        }
    }
    (scale + f64::ln(sum)).min(0.0)
}

/// Natural logarithm of the probability that `taken` things which fall on `places` at random all fall on
/// different ones.
pub(super) fn ln_all_different(taken: usize, places: usize) -> f64 {
    if taken > places {
        return f64::NEG_INFINITY;
    }
    let (taken, places) = (taken as f64, places as f64);
    ln_factorial(places) - ln_factorial(places - taken) - taken * places.ln()
}

fn ln_choose(n: usize, k: usize) -> f64 {
    ln_factorial(n as f64) - ln_factorial(k as f64) - ln_factorial((n - k) as f64)
}

/// Exact up to 20, then by Stirling's series with two terms, good to 1e-9.
fn ln_factorial(n: f64) -> f64 {
    if n <= 20.0 {
        let mut product = 1.0;
        let mut i = 2.0;
        while i <= n {
            product *= i;
            i += 1.0;
        }
        return f64::ln(product);
    }
    let tau = std::f64::consts::TAU;
    n * n.ln() - n + 0.5 * (tau * n).ln() + 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_that_of_the_binomial_distribution() {
        let near = |ln: f64, p: f64| assert!((ln.exp() - p).abs() < 1e-9, "{} is not {p}", ln.exp());
        near(ln_at_least(10, 10, 0.5), 1.0 / 1024.0);
        near(ln_at_least(10, 0, 0.5), 1.0);
        near(ln_at_least(10, 1, 0.5), 1023.0 / 1024.0);
        near(ln_at_least(3, 2, 0.1), 0.028);
        near(ln_at_least(1000, 1, 0.001), 1.0 - 0.999_f64.powi(1000));
        assert!(ln_at_least(5000, 5000, 0.01) < -20_000.0, "far beyond what a float can hold as it is");
    }

    #[test]
    fn birthdays() {
        assert!((ln_all_different(23, 365).exp() - 0.4927).abs() < 1e-4);
        assert!((ln_all_different(3, 3).exp() - 6.0 / 27.0).abs() < 1e-12);
        assert_eq!(ln_all_different(4, 3), f64::NEG_INFINITY);
    }
}
