//! What differs between a queue that is declared and the one that is there.

/// An argument of an existing queue that is not as it was declared.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) argument: String,
    /// Its value, if it has one.
    pub(super) current: Option<String>,
}

impl Other {
    /// Reads it out of the broker's words, the only place where AMQP has it: "inequivalent arg 'x-max-length' for
    /// queue 'q' in vhost '/': received '7' but current is '9'", or "... received the value 'true' of type 'bool' but
    /// current is none". `None`: they say something else.
    pub(super) fn read(refusal: &str) -> Option<Other> {
        let (_, rest) = refusal.split_once("inequivalent arg '")?;
        let (argument, rest) = rest.split_once('\'')?;
        let (_, current) = rest.rsplit_once("but current is ")?;
        let current = match current.trim_start_matches("the value ") {
            none if none.starts_with("none") => None,
            value => Some(value.strip_prefix('\'')?.split_once('\'')?.0.to_owned()),
        };
        Some(Other { argument: argument.to_owned(), current })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_read_out_of_the_brokers_words() {
        let other = |argument: &str, current: Option<&str>| {
            Some(Other { argument: argument.to_owned(), current: current.map(str::to_owned) })
        };
        let number = "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'tellers.lane.00' in vhost '/': \
                      received '100000' but current is '20'";
        assert_eq!(Other::read(number), other("x-max-length", Some("20")));
        let only_there = "inequivalent arg 'x-max-length' for queue 'q' in vhost '/': \
                          received none but current is the value '20' of type 'signedint'";
        assert_eq!(Other::read(only_there), other("x-max-length", Some("20")));
        let none = "PRECONDITION_FAILED - inequivalent arg 'x-single-active-consumer' for queue 'q' in vhost 'v': \
                    received the value 'true' of type 'bool' but current is none";
        assert_eq!(Other::read(none), other("x-single-active-consumer", None));
        let text = "inequivalent arg 'x-overflow' for queue 'q' in vhost 'v': \
                    received 'reject-publish' but current is 'drop-head'";
        assert_eq!(Other::read(text), other("x-overflow", Some("drop-head")));
        assert_eq!(Other::read("inequivalent exclusive"), None);
    }
}
