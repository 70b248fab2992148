//! The id of the request that a task answers: in its answer, in a problem that it ends with, and in what it logs.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

tokio::task_local! {
    static ANSWERED: Arc<str>;
}

/// Answers a request that has this id.
pub async fn answering<F: Future>(id: Arc<str>, answer: F) -> F::Output {
    ANSWERED.scope(id, answer).await
}

/// The id of the request that this task answers, if it answers one.
#[must_use]
pub fn current() -> Option<Arc<str>> {
    ANSWERED.try_with(Arc::clone).ok()
}

/// Lines of a log that name the request they come from.
#[derive(Debug)]
pub(crate) struct Named<F> {
    pub(crate) format: F,
    /// JSON objects, else text.
    pub(crate) is_json: bool,
}

impl<S, N, F> FormatEvent<S, N> for Named<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(id) = current() else { return self.format.format_event(context, writer, event) };
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end();
        match line.strip_suffix('}').filter(|_| self.is_json) {
            // An id is taken from a header: it may hold what a string of JSON may not.
            Some(object) => {
                writeln!(writer, "{object},\"request_id\":{:?}}}", id.escape_default().to_string())
            }
            None => writeln!(writer, "{line} request_id={id:?}"),
        }
    }
}
