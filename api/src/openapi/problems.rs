//! The problems that each operation may answer with, beside those of keys and faults of ours, which any may.

use tellers_http::problem::Kind;

use crate::problem::ProblemType::{self, *};

/// Where the database is read.
const LEDGER: &[ProblemType] = &[LedgerUnavailable, PoolExhausted];
/// Where jobs, analyses or files go to the queue.
const QUEUE: &[ProblemType] = &[LaneFull, LaneBehind, QueueUnavailable];
/// Where as many requests are worked on as may be.
const LIMITED: &[ProblemType] = &[InvalidParameter, RateLimited, Overloaded];
/// Where a body of JSON is read.
const BODY: &[ProblemType] =
    &[MalformedJson, IncompleteBody, DamagedBody, BodyTooLarge, UnsupportedMediaType, RequestTimeout];

/// Those of an operation, by its id. A test asks for every operation.
pub fn of(operation: &str) -> Vec<Kind> {
    let groups: &[&[ProblemType]] = match operation {
        "submit_job" => &[LIMITED, BODY, QUEUE, &[InvalidJob, Conflict, NotGranted]],
        "submit_batch" => {
            &[LIMITED, BODY, QUEUE, &[TooManyJobs, InvalidBatch, InvalidJob, Conflict, NotGranted]]
        }
        "list_jobs"
        | "list_scheduled_jobs"
        | "list_imports"
        | "list_analyses"
        | "list_accounts"
        | "list_holds"
        | "list_standing_orders"
        | "show_trial_balance" => &[LIMITED, LEDGER],
        "list_events" => &[LIMITED, &[QueueUnavailable, EventsGone]],
        "cancel_job" => &[LIMITED, LEDGER, &[JobNotFound, TooLate]],
        "show_job" | "show_timeline" => &[LIMITED, LEDGER, &[JobNotFound]],
        "show_standing_order" => &[LIMITED, LEDGER, &[NotFound]],
        "show_account" | "list_entries" | "show_balance" => &[LIMITED, LEDGER, &[AccountNotFound]],
        "show_statement" => &[LIMITED, LEDGER, &[AccountNotFound, NotAcceptable]],
        "show_patterns" => &[LIMITED, LEDGER, &[AccountNotFound, NotAnalysed]],
        "import_file" => &[
            LIMITED,
            LEDGER,
            &[IncompleteBody, BodyTooLarge, UnsupportedMediaType, RequestTimeout],
            &[InvalidFile, InsufficientStorage],
        ],
        "show_import" => &[LIMITED, LEDGER, &[ImportNotFound]],
        "cancel_import" => &[LIMITED, LEDGER, &[ImportNotFound, NotGranted]],
        "show_refused_rows" | "show_payment_report" => &[LIMITED, LEDGER, &[ImportNotFound, NotFound]],
        "start_analysis" => &[LIMITED, BODY, QUEUE, &[InvalidJob, Conflict, NotGranted]],
        "show_analysis" | "export_analysis" => &[LIMITED, LEDGER, &[NotFound]],
        "cancel_analysis" => &[LIMITED, LEDGER, &[NotFound, NotGranted]],
        "create_key" => &[BODY, LEDGER, &[InvalidParameter, InvalidKey]],
        "list_keys" | "list_audit_events" => &[LEDGER, &[InvalidParameter]],
        "show_key" | "revoke_key" => &[LEDGER, &[InvalidParameter, KeyNotFound]],
        "rotate_key" => &[BODY, LEDGER, &[InvalidParameter, InvalidKey, KeyNotFound, KeyEnded]],
        "create_webhook" => &[LIMITED, BODY, LEDGER, &[InvalidWebhook, NotGranted]],
        "list_webhooks" => &[LIMITED, LEDGER],
        "show_webhook" | "remove_webhook" | "list_webhook_attempts" => &[LIMITED, LEDGER, &[WebhookNotFound]],
        "change_webhook" | "rotate_webhook_secret" | "resend_webhook_events" | "enable_webhook" => {
            &[LIMITED, BODY, LEDGER, &[InvalidWebhook, WebhookNotFound, NotGranted]]
        }
        "test_webhook" => &[LIMITED, LEDGER, &[WebhookNotFound, NotGranted]],
        "show_readiness" => &[&[QueueUnavailable]],
        _ => &[],
    };
    groups.iter().flat_map(|group| group.iter()).map(|problem| problem.kind()).collect()
}
