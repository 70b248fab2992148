//! What each kind of problem means, and what to do: for the page that its URI leads to.

/// A kind of problem, explained.
#[derive(Debug, Clone, Copy)]
pub(super) struct Explained {
    /// The last step of its URI.
    pub(super) name: &'static str,
    /// The HTTP status that it comes with.
    pub(super) status: u16,
    /// What it means for the request.
    pub(super) meaning: &'static str,
    /// What to do.
    pub(super) remedy: &'static str,
}

macro_rules! explained {
    ($($name:literal $status:literal: $meaning:literal, $remedy:literal;)*) => {
        &[$(Explained { name: $name, status: $status, meaning: $meaning, remedy: $remedy }),*]
    };
}

/// Every kind that a service answers with, by name.
pub(super) const EXPLAINED: &[Explained] = explained! {
    "account-not-found" 404: "The ledger has no account with this number, or the API key is not for it.",
        "Check the number. An account is there once its job of kind open_account is posted.";
    "body-too-large" 413: "The body, or what it unpacks to, is longer than this request takes. Nothing of it was accepted.",
        "Send less at once: a batch in several parts, a file packed with gzip.";
    "conflict" 422: "The reference or the Idempotency-Key belongs to a job with another body. The new body takes no effect.",
        "To repeat a job, send the very body that was sent first. For another job, use a reference or key of its own.";
    "damaged-body" 400: "The body is called gzip and cannot be unpacked. Nothing of it was accepted.",
        "Send it again, plain or packed with gzip once.";
    "dead-letter-not-found" 404: "There is no dead letter with this id, or the API key is not for it. It may have been replayed or discarded.",
        "List the dead letters and use an id from there.";
    "events-gone" 410: "The events behind this cursor are not kept any more: they are older than the time, or beyond the size, for which the fleet keeps them.",
        "Read what became of your jobs meanwhile from /api/jobs with from, and go on with the cursor that the detail names.";
    "forbidden" 403: "The API key lacks the scope, the request comes from a page of another site, or this service answers only this machine.",
        "Read the detail of the answer: it names what is missing. A key with another scope is made by whoever holds the scope admin.";
    "import-not-found" 404: "There is no import with this number that the API key may see.",
        "List the imports and use a number from there.";
    "incomplete-body" 400: "The connection ended, or the form broke off, before the body was whole. Nothing of it was accepted.",
        "Send it again. A file and a job with a reference or an Idempotency-Key never take effect twice.";
    "ingress-unavailable" 503: "The ingress answers this, and the monitor, which was asked, reaches none.",
        "Send the request to an ingress, or start one. The monitor looks for it at API_URL, or where an ingress reports that it is.";
    "insufficient-storage" 507: "The file could not be written to the disk of the service. Nothing of it was accepted.",
        "Send it again later. The operator has to free space where DATA_DIR is.";
    "internal" 500: "The service met a fault of its own, and has logged it.",
        "Send the request again, with the same reference or Idempotency-Key if it submits a job. If it stays, tell the operator the X-Request-Id of the answer.";
    "invalid-batch" 422: "The body is JSON and no array of jobs.",
        "Send an array of jobs as application/json, or one job a line as application/x-ndjson.";
    "invalid-body" 422: "The body is JSON and not what this request takes. Nothing was changed.",
        "Compare the body with the schema in /api/openapi.json.";
    "invalid-file" 422: "The file is empty, or is in none of the formats that can be read.",
        "Send CSV, NDJSON or pain.001, plain or as gzip, and name the format if it is not recognised.";
    "invalid-job" 422: "The body is JSON and no job: a field is missing, unknown, or has a value that cannot be. Nothing was accepted.",
        "The list errors of the answer names each field, its value and what it should hold.";
    "invalid-key" 422: "The description of the key to make is wrong. No key was made.",
        "The list errors of the answer names the field and what it should hold.";
    "invalid-load-test" 422: "A member of the load test is wrong. No load was made.",
        "The list errors of the answer names the member and what it should hold.";
    "invalid-parameter" 400: "A parameter of the path, the query or the head is wrong, unknown, or given twice.",
        "The list errors of the answer names the parameter, its value and what it should hold.";
    "invalid-settings" 422: "A setting does not exist, cannot change while the fleet runs, or has a value that cannot be. Nothing was changed.",
        "The list errors of the answer names each setting and what it should hold.";
    "invalid-webhook" 422: "The body or the path does not describe a webhook endpoint, or what is to be done with one. Nothing was changed.",
        "The list errors of the answer names the field, its value and what it must be.";
    "job-not-found" 404: "The fleet never issued this id.",
        "Use the id from the answer that accepted the job.";
    "key-ended" 409: "The key has expired or was revoked, so nothing can take its place.",
        "Make a new key.";
    "key-not-found" 404: "There is no key with this id.",
        "List the keys and use an id from there.";
    "keys-unavailable" 503: "The service has not yet learned which API keys there are, since the database has not answered since it started.",
        "Send the request again in some seconds. If it stays, the operator has to look at the database.";
    "lane-behind" 429: "Jobs of this account wait for long already. The job was not accepted; jobs of accounts on other lanes are.",
        "Send it again after the seconds in Retry-After, with the same reference or Idempotency-Key. A client with a steady rate waits less.";
    "lane-full" 429: "So many jobs wait on the lane of this account that the queue takes no more. The job was not accepted.",
        "Send it again after the seconds in Retry-After, with the same reference or Idempotency-Key.";
    "lane-not-found" 404: "The fleet has no lane with this number.",
        "List the lanes and use a number from there.";
    "ledger-unavailable" 503: "The database does not answer, or not in time.",
        "Send the request again after the seconds in Retry-After. Jobs are accepted meanwhile.";
    "load-test-not-found" 404: "There is no load test with this number. The latest ones are kept.",
        "List the load tests and use a number from there.";
    "load-test-over" 409: "The load test has ended already, or runs in another monitor.",
        "Read its result; there is nothing to stop.";
    "load-test-running" 409: "Another load test is running, and two would spoil each other's figures.",
        "Wait for its end, or stop it.";
    "load-test-without-result" 409: "The load test is still running, or ended without a result.",
        "Wait for its end; if it has ended, its reason says why there is no result.";
    "malformed-json" 400: "The body is not JSON.",
        "The detail of the answer says where the text breaks off from JSON. Send it in UTF-8.";
    "method-not-allowed" 405: "The path is there and does not take this method.",
        "The header Allow of the answer lists the methods.";
    "more-dead-letters" 409: "More dead letters match the filter than the preview counted. Nothing was done.",
        "Preview them again, or add until to the filter, so that later ones do not count.";
    "no-ingress" 503: "The monitor has no report of an ingress, which answers reads and takes load tests, or none at an address that keys may go to. API_URL names one.",
        "Start an ingress, wait for its first report, or set API_URL of the monitor to where it is.";
    "not-acceptable" 406: "The answer is not to be had in any form that the header Accept takes.",
        "Accept one of the forms that the detail of the answer names.";
    "not-analysed" 404: "The account is there and was not analysed yet.",
        "Start an analysis of the account, and ask again once it is done.";
    "not-found" 404: "There is nothing at this path that the API key may see.",
        "Check the path; /api/openapi.json lists the paths.";
    "not-granted" 403: "The API key may not draw on this account, or not change what belongs to another client.",
        "Use a key that is for the account.";
    "not-replayable" 422: "The dead letter holds no job that could be put on its lane. It stays where it is.",
        "Read its payload and cause, submit what it should have been as a new job, and discard it.";
    "nothing-to-undo" 409: "No change of settings is left to undo, or the version is undone already.",
        "Read the audit log in the settings and name another version.";
    "overloaded" 503: "This replica works on as many requests as it may. Nothing was accepted.",
        "Send it again after the seconds in Retry-After, with the same reference or Idempotency-Key.";
    "pool-exhausted" 503: "Every connection or thread of a pool is in use.",
        "Send the request again after the seconds in Retry-After.";
    "queue-unavailable" 503: "The queue did not confirm the job in time. It may have been accepted all the same.",
        "Send it again with the same reference or Idempotency-Key: it takes effect once.";
    "rate-limited" 429: "The client sends more than its share. Nothing was accepted.",
        "Send it again after the seconds in Retry-After, and several jobs as one batch.";
    "request-timeout" 408: "The body did not arrive in time. Nothing of it was accepted.",
        "Send it again over a better connection, or in smaller parts.";
    "too-late" 409: "The job has its outcome already, so it was not cancelled. What it did stays.",
        "The detail of the answer says what became of it. A posted job that moved money is undone by a job of kind reversal.";
    "too-many-jobs" 413: "The batch has more jobs than one request takes. Nothing was accepted.",
        "Send it in several batches, or as a file to /api/imports.";
    "unauthorized" 401: "The request carries no API key, or one that is unknown, expired or revoked.",
        "Send a valid key as Authorization: Bearer, or as X-API-Key.";
    "unsupported-media-type" 415: "The body is in a format, or packed in a way, that this request does not take.",
        "Send the content type that the detail of the answer names.";
    "version-not-found" 404: "There is no change of settings with this version.",
        "Read the audit log in the settings and use a version from there.";
    "webhook-not-found" 404: "There is no webhook endpoint with this id that the API key shows.",
        "List the endpoints and use an id from there.";
};
