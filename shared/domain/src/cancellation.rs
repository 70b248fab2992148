//! Ids that were cancelled before their jobs came.

use super::text::Client;

/// Whose jobs a cancellation stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Whoever submits it: an operator has cancelled the id.
    Anybodys,
    /// Those of the client that has cancelled it. A client stops none of another's, though it knows its id.
    Clients(Client),
}

impl Whose {
    /// Whether it stops a job of this client.
    pub fn stops(&self, client: &Client) -> bool {
        match self {
            Whose::Anybodys => true,
            Whose::Clients(own) => own == client,
        }
    }
}
