//! What an endpoint is shown of an event: what a key of its client would show.

use contract::event::Event;
use domain::access::Accounts;
use domain::account::AccountNumber;
use store::webhooks::Endpoint;

/// The accounts that the keys of a client are for. `None`: its keys are not in the database, and nothing is known of them.
pub(super) type Granted = Option<Vec<Accounts>>;

/// What an endpoint is shown of an event; `None`: nothing.
pub(super) fn shown(event: &Event, endpoint: &Endpoint, granted: &Granted) -> Option<Event> {
    let is_granted = |number: &AccountNumber| {
        granted.as_ref().is_none_or(|granted| granted.iter().any(|accounts| accounts.contain(number)))
    };
    let mut shown = event.shown_to(endpoint.client.as_str(), &endpoint.accounts)?;
    let is_own = event.data.client == endpoint.client.as_str();
    let touches = |number: &AccountNumber| endpoint.accounts.contain(number) && is_granted(number);
    if !is_own && !event.accounts().any(touches) {
        return None;
    }
    if let Some(entries) = &mut shown.data.entries {
        entries.retain(|entry| is_granted(&entry.account));
    }
    Some(shown)
}

/// Whether an endpoint wants events of this type.
pub(super) fn wants(endpoint: &Endpoint, event: &Event) -> bool {
    endpoint.types.is_empty() || endpoint.types.iter().any(|name| name == event.event_type.name())
}
