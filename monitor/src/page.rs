//! The dashboard at `/`, and pages for jobs, accounts, imports, dead letters, webhooks, alerts and the audit log: a few static files in the binary, which live from the monitor's own answers and
//! need nothing else.

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use std::hash::{DefaultHasher, Hash, Hasher};

/// Nothing from elsewhere, nothing inline but one line, in nobody's frame (W3C, "Content Security Policy Level 3").
///
/// The page's links are relative, so that it stands behind any path that a proxy strips. At that path without its last
/// slash they lead nowhere, a script's too, so the line that adds the slash has to be in the page; this is its digest.
const POLICY: &str = "default-src 'self'; script-src 'self' 'sha256-Qkbh/PpaTQxvGvNeS+HxftwYYOGf6YUjW27YAQv1+Fw='; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'none'";

/// A file of the page.
#[derive(Clone, Copy)]
struct Asset {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

macro_rules! assets {
    ($($content_type:ident $path:literal => $file:literal,)*) => {
        &[$(Asset { path: $path, content_type: $content_type, content: include_str!($file) }),*]
    };
}

const ASSETS: &[Asset] = assets! {
    HTML "/" => "page/index.html",
    HTML "/find" => "page/shell.html",
    HTML "/job" => "page/shell.html",
    HTML "/scheduled" => "page/shell.html",
    HTML "/accounts" => "page/shell.html",
    HTML "/account" => "page/shell.html",
    HTML "/imports" => "page/shell.html",
    HTML "/import" => "page/shell.html",
    HTML "/dead-letters" => "page/shell.html",
    HTML "/alerts" => "page/shell.html",
    HTML "/audit" => "page/shell.html",
    HTML "/webhook" => "page/shell.html",
    HTML "/webhooks" => "page/shell.html",
    CSS "/page/pages.css" => "page/pages.css",
    CSS "/page/style.css" => "page/style.css",
    SVG "/page/icon.svg" => "page/icon.svg",
    SCRIPT "/page/account.js" => "page/account.js",
    SCRIPT "/page/accounts.js" => "page/accounts.js",
    SCRIPT "/page/address.js" => "page/address.js",
    SCRIPT "/page/advice.js" => "page/advice.js",
    SCRIPT "/page/alerts.js" => "page/alerts.js",
    SCRIPT "/page/app.js" => "page/app.js",
    SCRIPT "/page/audit.js" => "page/audit.js",
    SCRIPT "/page/books.js" => "page/books.js",
    SCRIPT "/page/chart.js" => "page/chart.js",
    SCRIPT "/page/dead_letters.js" => "page/dead_letters.js",
    SCRIPT "/page/dialog.js" => "page/dialog.js",
    SCRIPT "/page/dom.js" => "page/dom.js",
    SCRIPT "/page/explain.js" => "page/explain.js",
    SCRIPT "/page/find.js" => "page/find.js",
    SCRIPT "/page/flow.js" => "page/flow.js",
    SCRIPT "/page/import.js" => "page/import.js",
    SCRIPT "/page/imports.js" => "page/imports.js",
    SCRIPT "/page/job.js" => "page/job.js",
    SCRIPT "/page/key.js" => "page/key.js",
    SCRIPT "/page/lanes.js" => "page/lanes.js",
    SCRIPT "/page/letters.js" => "page/letters.js",
    SCRIPT "/page/letters_many.js" => "page/letters_many.js",
    SCRIPT "/page/live.js" => "page/live.js",
    SCRIPT "/page/load_test.js" => "page/load_test.js",
    SCRIPT "/page/money.js" => "page/money.js",
    SCRIPT "/page/patterns.js" => "page/patterns.js",
    SCRIPT "/page/replicas.js" => "page/replicas.js",
    SCRIPT "/page/request.js" => "page/request.js",
    SCRIPT "/page/scheduled.js" => "page/scheduled.js",
    SCRIPT "/page/settings.js" => "page/settings.js",
    SCRIPT "/page/shell.js" => "page/shell.js",
    SCRIPT "/page/table.js" => "page/table.js",
    SCRIPT "/page/theme.js" => "page/theme.js",
    SCRIPT "/page/verdict.js" => "page/verdict.js",
    SCRIPT "/page/webhook.js" => "page/webhook.js",
    SCRIPT "/page/webhooks.js" => "page/webhooks.js",
    SCRIPT "/page/when.js" => "page/when.js",
    SCRIPT "/page/who.js" => "page/who.js",
    SCRIPT "/page/words.js" => "page/words.js",
    TEXT "/docs/runbooks/books_out_of_balance.md" => "../../docs/runbooks/books_out_of_balance.md",
    TEXT "/docs/runbooks/clock_skew.md" => "../../docs/runbooks/clock_skew.md",
    TEXT "/docs/runbooks/cpu.md" => "../../docs/runbooks/cpu.md",
    TEXT "/docs/runbooks/dead_letters.md" => "../../docs/runbooks/dead_letters.md",
    TEXT "/docs/runbooks/disk.md" => "../../docs/runbooks/disk.md",
    TEXT "/docs/runbooks/error_rate.md" => "../../docs/runbooks/error_rate.md",
    TEXT "/docs/runbooks/lag.md" => "../../docs/runbooks/lag.md",
    TEXT "/docs/runbooks/jobs_missing.md" => "../../docs/runbooks/jobs_missing.md",
    TEXT "/docs/runbooks/lane_without_consumer.md" => "../../docs/runbooks/lane_without_consumer.md",
    TEXT "/docs/runbooks/ledger_away.md" => "../../docs/runbooks/ledger_away.md",
    TEXT "/docs/runbooks/memory.md" => "../../docs/runbooks/memory.md",
    TEXT "/docs/runbooks/pool_exhausted.md" => "../../docs/runbooks/pool_exhausted.md",
    TEXT "/docs/runbooks/queue_away.md" => "../../docs/runbooks/queue_away.md",
    TEXT "/docs/runbooks/queue_policy.md" => "../../docs/runbooks/queue_policy.md",
    TEXT "/docs/runbooks/replica_lost.md" => "../../docs/runbooks/replica_lost.md",
    TEXT "/docs/runbooks/response_time.md" => "../../docs/runbooks/response_time.md",
    TEXT "/docs/runbooks/standstill.md" => "../../docs/runbooks/standstill.md",
    TEXT "/docs/runbooks/weak_durability.md" => "../../docs/runbooks/weak_durability.md",
    TEXT "/docs/runbooks/webhook_disabled.md" => "../../docs/runbooks/webhook_disabled.md",
};

/// The paths of all of these.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    ASSETS.iter().map(|asset| asset.path)
}

/// The page, its files, and the runbooks that alerts name.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        router.route(asset.path, get(async move |headers: HeaderMap| asset.answer(&headers)))
    })
}

impl Asset {
    /// Asked for again each time, and sent only when the binary is another: no page of yesterday runs on the
    /// answers of today.
    fn answer(self, headers: &HeaderMap) -> Response {
        let tag = self.tag();
        let known = headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
        let unchanged = known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag));
        let headers = [
            (CONTENT_TYPE, self.content_type),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (CACHE_CONTROL, "no-cache"),
            (ETAG, &tag),
        ];
        if unchanged {
            (StatusCode::NOT_MODIFIED, headers).into_response()
        } else {
            (headers, self.content).into_response()
        }
    }

    fn tag(self) -> String {
        let mut hasher = DefaultHasher::new();
        self.content.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use axum::body::Body;
    use axum::http::{HeaderValue, Request};
    use strum::VariantNames as _;
    use tower::ServiceExt as _;

    use super::*;
    use crate::views::dead_letters::Answer;

    async fn ask(path: &str, tag: Option<&HeaderValue>) -> Response {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        if let Some(tag) = tag {
            request.headers_mut().insert(IF_NONE_MATCH, tag.clone());
        }
        routes::<()>().with_state(()).oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn the_page_is_asked_for_again_and_sent_once() {
        let first = ask("/", None).await;
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[CONTENT_TYPE], HTML);
        assert_eq!(first.headers()[CACHE_CONTROL], "no-cache");
        assert!(
            first.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'self';")
        );
        let again = ask("/", Some(&first.headers()[ETAG])).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let other = ask("/", Some(&HeaderValue::from_static("\"another\""))).await;
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn every_file_of_the_page_and_every_runbook_is_served() {
        for (folder, prefix) in [("src/page", "/page/"), ("../docs/runbooks", "/docs/runbooks/")] {
            for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
                let name = file.unwrap().file_name().into_string().unwrap();
                let path = format!("{prefix}{name}");
                let served = ASSETS.iter().any(|asset| asset.path == path || name.ends_with(".html"));
                assert!(served, "{path} is not served");
            }
        }
    }

    #[test]
    fn nothing_is_inline_or_from_elsewhere() {
        for page in ASSETS.iter().filter(|asset| asset.content_type == HTML) {
            // The one line that the policy names.
            let content = page.content.replacen("<script>", "", usize::from(page.path == "/"));
            for forbidden in ["<style", "style=", "<script>", "onclick=", "http://", "https://"] {
                assert!(!content.contains(forbidden), "{forbidden} in {}", page.path);
            }
        }
        for script in ASSETS.iter().filter(|asset| asset.content_type == SCRIPT) {
            for forbidden in ["innerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!script.content.contains(forbidden), "{forbidden} in {}", script.path);
            }
        }
    }

    #[test]
    fn the_page_has_words_for_whatever_a_trial_answers() {
        let script = ASSETS.iter().find(|asset| asset.path == "/page/letters_many.js").unwrap().content;
        for answer in Answer::VARIANTS {
            assert!(script.contains(&format!(" {answer}: \"")), "{answer}");
        }
    }

    #[test]
    fn amounts_have_as_many_digits_on_the_page_as_in_the_ledger() {
        let money = ASSETS.iter().find(|asset| asset.path == "/page/money.js").unwrap().content;
        let listed = |digits: u16| {
            let start = format!("  {digits}: \"");
            money.lines().find_map(|line| line.strip_prefix(&start)).map_or_else(Vec::new, |codes| {
                codes.trim_end_matches("\",").split(' ').map(str::to_owned).collect()
            })
        };
        let letters = || (b'A'..=b'Z').map(char::from);
        let codes =
            letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| format!("{a}{b}{c}"))));
        let mut known = 0;
        for code in codes {
            let Ok(currency) = code.parse::<domain::money::Currency>() else { continue };
            let digits = currency.exponent().unwrap_or(0);
            for other in [0, 3, 4] {
                assert_eq!(listed(other).contains(&code), other == digits, "{code} has {digits} digits");
            }
            known += 1;
        }
        assert!(known > 100, "{known} currencies");
    }
}
