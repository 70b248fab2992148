//! Who may do what at the ingress: what each route asks for, and which records a caller is shown.

use contract::submission::Invalid;
use domain::access::Accounts;
use domain::account::AccountNumber;
use domain::job::Action;
use store::analyses::Run;
use store::ledger::{JobRecord, Reads, Touches};
use tellers_http::access::Route;
pub use tellers_http::keys::{Caller, Denied, Key, KeyRing, Keys, Scope, check_listen};
use tellers_http::problem::pages;

use self::Scope::{Admin, Audit, Operate, Read, Submit};
use crate::context::Ingress;
use crate::problem::{Problem, ProblemType};

/// What each route asks for.
pub const ROUTES: &[Route] = &[
    Route::of("POST", "/api/jobs", &[Submit]),
    Route::of("GET", "/api/jobs", &[Read, Audit]),
    Route::of("GET", "/api/jobs/{id}", &[Read, Audit]),
    Route::of("DELETE", "/api/jobs/{id}", &[Submit, Operate]),
    Route::of("GET", "/api/jobs/{id}/timeline", &[Read, Audit]),
    Route::of("GET", "/api/scheduled-jobs", &[Read, Audit]),
    Route::of("POST", "/api/jobs/batch", &[Submit]),
    Route::of("GET", "/api/accounts", &[Read, Audit]),
    Route::of("GET", "/api/holds", &[Read, Audit]),
    Route::of("GET", "/api/standing-orders", &[Read, Audit]),
    Route::of("GET", "/api/standing-orders/{id}", &[Read, Audit]),
    Route::of("GET", "/api/accounts/{number}", &[Read, Audit]),
    Route::of("GET", "/api/accounts/{number}/entries", &[Read, Audit]),
    Route::of("GET", "/api/accounts/{number}/balance", &[Read, Audit]),
    Route::of("GET", "/api/ledger/trial-balance", &[Read, Audit]),
    Route::of("GET", "/api/accounts/{number}/statement", &[Read, Audit]),
    Route::of("GET", "/api/accounts/{number}/patterns", &[Read, Audit]),
    Route::of("GET", "/api/events", &[Read, Audit]),
    Route::of("POST", "/api/imports", &[Submit]),
    Route::of("GET", "/api/imports", &[Read, Audit]),
    Route::of("GET", "/api/imports/{number}", &[Read, Audit]),
    Route::of("DELETE", "/api/imports/{number}", &[Submit, Operate]),
    Route::of("GET", "/api/imports/{number}/refused", &[Read, Audit]),
    Route::of("GET", "/api/imports/{number}/report", &[Read, Audit]),
    Route::of("POST", "/api/analyses", &[Submit]),
    Route::of("GET", "/api/analyses", &[Read, Audit]),
    Route::of("GET", "/api/analyses/{id}", &[Read, Audit]),
    Route::of("DELETE", "/api/analyses/{id}", &[Submit, Operate]),
    Route::of("GET", "/api/analyses/{id}/export", &[Read, Audit]),
    Route::of("POST", "/api/webhooks", &[Submit, Admin]),
    Route::of("GET", "/api/webhooks", &[Read, Audit, Admin]),
    Route::of("GET", "/api/webhooks/{id}", &[Read, Audit, Admin]),
    Route::of("PATCH", "/api/webhooks/{id}", &[Submit, Admin]),
    Route::of("DELETE", "/api/webhooks/{id}", &[Submit, Admin]),
    Route::of("POST", "/api/webhooks/{id}/rotate", &[Submit, Admin]),
    Route::of("POST", "/api/webhooks/{id}/test", &[Submit, Admin]),
    Route::of("POST", "/api/webhooks/{id}/resend", &[Submit, Admin]),
    Route::of("POST", "/api/webhooks/{id}/enable", &[Submit, Admin]),
    Route::of("GET", "/api/webhooks/{id}/attempts", &[Read, Audit, Admin]),
    Route::of("POST", "/api/keys", &[Admin]).for_all(),
    Route::of("GET", "/api/keys", &[Admin, Audit]),
    // Whatever a key allows, its holder may know that.
    Route::of("GET", "/api/keys/self", Scope::ALL),
    Route::of("GET", "/api/keys/{id}", &[Admin, Audit]),
    Route::of("POST", "/api/keys/{id}/rotate", &[Admin]).for_all(),
    Route::of("DELETE", "/api/keys/{id}", &[Admin]).for_all(),
    Route::of("GET", "/api/audit", &[Audit]),
    Route::open("/"),
    Route::open("/livez"),
    Route::open("/readyz"),
    Route::open("/metrics"),
    Route::open("/api/openapi.json"),
    Route::open("/docs"),
    Route::open("/docs/"),
    Route::open("/docs/{*rest}"),
    pages::PATHS[0],
    pages::PATHS[1],
];

/// Refuses a job that draws on an account which is not the client's: of whether there is such an account the answer says
/// nothing.
pub(crate) fn check_drawn_on(action: &Action, accounts: &Accounts) -> Result<(), Problem> {
    if accounts.are_all() {
        return Ok(());
    }
    match action.drawn_on().into_iter().find(|(_, number)| !accounts.contain(number)) {
        Some((field, number)) => Err(not_granted(field, number, accounts)),
        None => Ok(()),
    }
}

/// An account that a key is not for.
pub(crate) fn not_granted(field: String, number: &AccountNumber, accounts: &Accounts) -> Problem {
    let (value, remedy) = (
        format!("\"{number}\""),
        format!("must be an account of this API key, which is for {accounts}; ask for a key that is for it"),
    );
    Problem::of_field(ProblemType::NotGranted, Invalid { field, value, remedy }).by_grant()
}

/// Whether a caller is shown a run: their own, and everybody's if all accounts are.
pub(crate) fn sees_run(caller: &Caller, run: &Run) -> bool {
    caller.reads_any() || caller.sees_client(&run.new.client)
}

impl Ingress {
    /// What was read of a job, if this caller is shown it: their own, or one that touches their accounts.
    pub(crate) async fn shown(
        &self,
        ledger: &(impl Reads + ?Sized),
        caller: &Caller,
        record: Option<JobRecord>,
    ) -> Result<Option<JobRecord>, Problem> {
        let Some(record) = record else { return Ok(None) };
        if caller.reads_any() || caller.sees_client(&record.client) {
            return Ok(Some(record));
        }
        let touches = match record.touches(&caller.accounts) {
            Touches::As(original) => {
                let original = self.read(ledger.job(original)).await?;
                original.is_some_and(|job| job.touches(&caller.accounts) == Touches::Yes)
            }
            touches => touches == Touches::Yes,
        };
        Ok(touches.then_some(record))
    }
}
