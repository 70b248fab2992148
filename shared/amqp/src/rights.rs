//! What a refusal of the broker says about a right that its user lacks.
//!
//! <https://www.rabbitmq.com/docs/access-control#authorisation>

use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::{Error, ErrorKind};

/// Where the rights of every role are.
const FILE: &str = "deploy/rabbitmq/permissions.json, which docs/RIGHTS.md explains";

/// Whether the broker refused for want of a right.
pub fn is_refused(cause: &Error) -> bool {
    matches!(cause.kind(), ErrorKind::ProtocolError(refused)
        if *refused.kind() == AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED))
}

/// Whether the broker does not let the user of the URL in, however often it is tried: a refusal of a connection, since it
/// is about a virtual host or a login. Connections beyond a limit are refused in the same way, and find room later.
pub fn is_shut_out(cause: &Error) -> bool {
    let ErrorKind::ProtocolError(refused) = cause.kind() else { return false };
    let words = cause.to_string();
    match refused.kind() {
        AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => words.contains("vhost") && !words.contains("limit"),
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => words.contains("Login was refused"),
        _ => false,
    }
}

/// The broker's words, and, where a right is missing, which right that is and how it is granted.
pub fn explained(cause: &Error) -> String {
    let words = cause.to_string();
    if is_refused(cause) || is_shut_out(cause) { format!("{words}; {}", remedy(&words)) } else { words }
}

/// "ACCESS_REFUSED - write access to exchange 'tellers.jobs' in vhost '/' refused for user 'u'", which older versions write
/// without the kind of access; "access to vhost 'v' refused for user 'u'"; "Login was refused using ...".
fn remedy(words: &str) -> String {
    if words.contains("Login was refused") {
        return "check the user and the password in AMQP_URL (the user `guest` may connect from the broker's own machine \
                only)"
            .to_owned();
    }
    if words.contains("vhost") && words.contains("not found") {
        return "make the virtual host (rabbitmqctl add_vhost NAME), or name another one behind the host in AMQP_URL, where / is \
                written %2f"
            .to_owned();
    }
    let Some(Refusal { access, object, user }) = Refusal::read(words) else {
        return format!("the user of AMQP_URL needs the permissions of its role: {FILE}");
    };
    if object.starts_with("vhost ") {
        return format!(
            "the user {user} has no permissions in this virtual host; give it those of its role: {FILE}"
        );
    }
    let access = match access {
        Some(access) => format!("the pattern `{access}`"),
        // Only `configure` is for making things; the others are for what passes through them.
        None => "one of the patterns `configure` (to declare it), `write` (to publish to it or bind it) and `read` (to \
                 consume it or bind to it)"
            .to_owned(),
    };
    format!(
        "the user {user} lacks a right on the {object}: {access} of its permissions has to match that name (rabbitmqctl \
         set_permissions -p VHOST {user} CONFIGURE WRITE READ); the permissions of every role are in {FILE}"
    )
}

#[derive(Debug, PartialEq, Eq)]
struct Refusal<'a> {
    /// `configure`, `write` or `read`, where the broker says which.
    access: Option<&'a str>,
    /// Such as "queue tellers.lane.00".
    object: String,
    user: &'a str,
}

impl<'a> Refusal<'a> {
    fn read(words: &'a str) -> Option<Refusal<'a>> {
        let (before, rest) = words.split_once("access to ")?;
        let (kind, rest) = rest.split_once(" '")?;
        let (name, rest) = rest.split_once('\'')?;
        let (_, user) = rest.split_once("refused for user '")?;
        let (user, _) = user.split_once('\'')?;
        let access = before.split_whitespace().last();
        Some(Refusal {
            access: access.filter(|access| ["configure", "write", "read"].contains(access)),
            object: format!("{kind} {name}"),
            user,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_what_is_to_be_granted() {
        let newer = "ACCESS_REFUSED - configure access to queue 'tellers.lane.00' in vhost '/' refused for user 'tellers_api'";
        let told = remedy(newer);
        assert!(
            told.starts_with(
                "the user tellers_api lacks a right on the queue tellers.lane.00: the pattern `configure`"
            ) && told.contains("deploy/rabbitmq/permissions.json"),
            "{told}"
        );
        let older = remedy("ACCESS_REFUSED - access to exchange 'x' in vhost '/' refused for user 'u'");
        assert!(older.contains("on the exchange x: one of the patterns `configure`"), "{older}");
        let shut_out = remedy("NOT_ALLOWED - access to vhost 'v' refused for user 'u'");
        assert!(shut_out.starts_with("the user u has no permissions in this virtual host"), "{shut_out}");
        let unknown = remedy("NOT_ALLOWED - vhost nope not found");
        assert!(unknown.starts_with("make the virtual host"), "{unknown}");
        let login = remedy("ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN.");
        assert!(login.starts_with("check the user and the password in AMQP_URL"), "{login}");
        let other = remedy("ACCESS_REFUSED - something new");
        assert!(other.contains("permissions of its role"), "{other}");
    }
}
