//! The pages that the URIs of problems lead to: what a problem means and what to do, in the same binary that answers with it.

use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::explained::{EXPLAINED, Explained};
use super::{Kind, Problem};
use crate::access::Route;

/// Nothing from anywhere, in nobody's frame (W3C, "Content Security Policy Level 3"): the pages are text.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The paths of the pages, which tell nothing of any client.
pub const PATHS: [Route; 2] = [Route::open("/problems"), Route::open("/problems/{name}")];

/// The list of all problems, and a page of each. What leads from one to the other is relative, so that the pages stand
/// behind any path that a proxy strips.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/problems", get(list)).route("/problems/{name}", get(show))
}

/// Whether a kind of problem has a page that says the same status.
pub fn explains(kind: Kind) -> bool {
    let name = kind.uri.strip_prefix("/problems/").unwrap_or_default();
    find(name).is_some_and(|found| found.status == kind.status.as_u16())
}

fn find(name: &str) -> Option<&'static Explained> {
    EXPLAINED.iter().find(|explained| explained.name == name)
}

async fn list() -> Response {
    let line = |Explained { name, meaning, .. }: &Explained| {
        format!("<dt><a href=\"problems/{name}\">{name}</a></dt>\n<dd>{meaning}</dd>\n")
    };
    let lines: String = EXPLAINED.iter().map(line).collect();
    let about = "<p>What Tellers answers when it does not do what a request asks for, as problem documents (RFC 9457).</p>";
    page("Problems", &format!("{about}\n<dl>\n{lines}</dl>"))
}

async fn show(path: Result<Path<String>, PathRejection>) -> Response {
    let name = path.map_or_else(|_| String::new(), |Path(name)| name.chars().take(80).collect());
    let Some(Explained { name, status, meaning, remedy }) = find(&name) else {
        let kind = Kind::new("/problems/not-found", StatusCode::NOT_FOUND, "No such resource");
        let detail = format!("there is no problem {name:?}; /problems lists the problems");
        return Problem::new(kind, detail).into_response();
    };
    let text = format!(
        "<p>HTTP status {status}</p>\n<h2>What it means</h2>\n<p>{meaning}</p>\n<h2>What to do</h2>\n<p>{remedy}</p>\n\
         <p><a href=\"../problems\">All problems</a></p>"
    );
    page(name, &text)
}

/// All text on the pages is from this binary, and none of it has a character that means something in HTML.
fn page(title: &str, text: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · Tellers</title>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n{text}\n</main>\n</body>\n</html>\n"
    );
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, Html(html)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    #[test]
    fn the_problems_are_in_order_and_their_text_is_plain() {
        assert!(EXPLAINED.is_sorted_by(|one, next| one.name < next.name));
        for Explained { name, meaning, remedy, .. } in EXPLAINED {
            assert!(!format!("{name}{meaning}{remedy}").contains(['<', '>', '&', '"']), "{name}");
            assert!(meaning.ends_with('.') && remedy.ends_with('.'), "{name}");
        }
    }

    #[tokio::test]
    async fn every_problem_leads_to_a_page_that_needs_nothing_else() {
        let ask = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let answer = routes::<()>().with_state(()).oneshot(request).await.unwrap();
            let (head, body) = answer.into_parts();
            (head, String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap())
        };
        let (_, list) = ask("/problems").await;
        for Explained { name, remedy, .. } in EXPLAINED {
            assert!(list.contains(&format!("\"problems/{name}\"")), "{name}");
            let (head, page) = ask(&format!("/problems/{name}")).await;
            assert_eq!(head.status, StatusCode::OK, "{name}");
            assert!(
                head.headers[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none';")
            );
            assert!(page.contains(remedy), "{page}");
        }
        assert_eq!(ask("/problems/%ff").await.0.status, StatusCode::NOT_FOUND);
        assert_eq!(ask("/problems/nothing").await.0.status, StatusCode::NOT_FOUND);
    }
}
