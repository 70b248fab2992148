//! What a refusal of the server says about a right that its user lacks, and which statement grants it.
//!
//! The number decides what a refusal is. Only the sentence for the operator is made of the server's words, and where they
//! are not as expected it does without them.

/// Where the rights of every role are.
const FILE: &str = "deploy/mysql/grants.sql, which docs/RIGHTS.md explains";

/// What is said where the server has no database of that name.
pub(super) const NO_DATABASE: &str = "make the database, or name another one behind the host in DATABASE_URL (deploy/mysql/users.sql makes one)";

/// What is said of a user who lacks a right: the right, the user, and the statement that grants it.
pub(super) fn lacking(message: &str) -> String {
    Missing::read(message).map_or_else(
        || format!("the database user lacks a right; grant it as in {FILE}"),
        |missing| missing.sentence(),
    )
}

/// What is said of a user whom the server does not let in, or not into the database of the URL.
pub(super) fn shut_out(has_database: bool) -> String {
    if has_database {
        format!(
            "the database user has no right in this database, or lacks one on all of it; grant what its role needs as in \
             deploy/mysql/users.sql and in {FILE}"
        )
    } else {
        "check the user and the password in the URL of the database, whether the account is locked, and from which hosts \
         it may connect"
            .to_owned()
    }
}

/// A right that a user lacks.
#[derive(Debug, PartialEq, Eq)]
struct Missing<'a> {
    right: String,
    user: &'a str,
    object: Object<'a>,
}

#[derive(Debug, PartialEq, Eq)]
enum Object<'a> {
    Table(&'a str),
    Column { table: &'a str, column: &'a str },
    Routine(&'a str),
}

impl<'a> Missing<'a> {
    /// "INSERT command denied to user 'u'@'h' for table 'entries'" (MariaDB: "`tellers`.`entries`"), "UPDATE command denied
    /// to user 'u'@'h' for column 'amount' in table 'entries'", "execute command denied to user 'u'@'h' for routine
    /// 'tellers.add_era'". `None`: something else.
    fn read(message: &'a str) -> Option<Missing<'a>> {
        let (command, rest) = message.split_once(" command denied to user ")?;
        let (user, object) = rest.split_once(" for ")?;
        let user = user.split('@').next().map(bare)?;
        let object = if let Some(table) = object.strip_prefix("table ") {
            Object::Table(bare(table))
        } else if let Some(routine) = object.strip_prefix("routine ") {
            Object::Routine(bare(routine))
        } else {
            let (column, table) = object.strip_prefix("column ")?.split_once(" in table ")?;
            Object::Column { table: bare(table), column: bare(column) }
        };
        // A row that is locked is one that may be changed.
        let right = match command.strip_suffix(" with locking clause") {
            Some(_) => "UPDATE".to_owned(),
            None => command.to_ascii_uppercase(),
        };
        Some(Missing { right, user, object })
    }

    fn sentence(&self) -> String {
        let Missing { right, user, object } = self;
        let (on, what) = match object {
            Object::Table(table) => (format!("{right} ON {table}"), format!("{right} on the table {table}")),
            Object::Column { table, column } => (
                format!("{right} ({column}) ON {table}"),
                format!("{right} on the column {column} of the table {table}"),
            ),
            Object::Routine(routine) => {
                (format!("{right} ON PROCEDURE {routine}"), format!("{right} on the procedure {routine}"))
            }
        };
        format!(
            "the database user {user} lacks {what}; if its role is to have it: GRANT {on} TO '{user}'@'%', or at the host of \
             the account; the rights of every role are in {FILE}"
        )
    }
}

/// A name without the quotation marks of a server, and a table's without its database: as the user sees it.
fn bare(name: &str) -> &str {
    let name = name.trim();
    let name = name.rsplit_once("`.`").map_or(name, |(_, table)| table);
    name.trim_matches(['\'', '`', '"'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_named_with_the_statement_that_grants_it() {
        for (words, said) in [
            // MySQL 9.7, MariaDB 10.11.
            (
                "INSERT command denied to user 'tellers_worker'@'localhost' for table 'entries'",
                "the database user tellers_worker lacks INSERT on the table entries; if its role is to have it: \
                 GRANT INSERT ON entries TO 'tellers_worker'@'%'",
            ),
            (
                "SELECT, INSERT command denied to user 'w'@'10.0.0.1' for table `tellers`.`jobs`",
                "the database user w lacks SELECT, INSERT on the table jobs; if its role is to have it: \
                 GRANT SELECT, INSERT ON jobs TO 'w'@'%'",
            ),
            (
                "SELECT with locking clause command denied to user 'w'@'%' for table 'accounts'",
                "the database user w lacks UPDATE on the table accounts; if its role is to have it: \
                 GRANT UPDATE ON accounts TO 'w'@'%'",
            ),
            (
                "UPDATE command denied to user 'w'@'%' for column 'amount' in table 'entries'",
                "the database user w lacks UPDATE on the column amount of the table entries; if its role is to have it: \
                 GRANT UPDATE (amount) ON entries TO 'w'@'%'",
            ),
            (
                "execute command denied to user 'w'@'%' for routine 'tellers.add_era'",
                "the database user w lacks EXECUTE on the procedure tellers.add_era; if its role is to have it: \
                 GRANT EXECUTE ON PROCEDURE tellers.add_era TO 'w'@'%'",
            ),
        ] {
            let told = lacking(words);
            assert!(told.starts_with(said) && told.contains("deploy/mysql/grants.sql"), "{told}");
        }
        let told =
            lacking("Access denied; you need (at least one of) the SUPER privilege(s) for this operation");
        assert!(told.contains("lacks a right") && told.contains("deploy/mysql/grants.sql"), "{told}");
    }
}
