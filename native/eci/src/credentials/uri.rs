//! A credential from a service of one's own: `ALIBABA_CLOUD_CREDENTIALS_URI`.

use http_body_util::Full;
use hyper::Request;

use super::{Ask, Issued, MAX_BYTES, TIME, read_answer};

impl Ask<'_> {
    /// Asks whatever address the variable names, plain HTTP included: it is mostly a neighbour in the same pod. The
    /// address may hold a token of its own, so errors do not tell it.
    pub(super) async fn uri(&self) -> Result<Issued, String> {
        let uri = self.setting.need("ALIBABA_CLOUD_CREDENTIALS_URI")?;
        let request = Request::get(uri).body(Full::default());
        let request = request.map_err(|_| "it is not a valid address".to_owned())?;
        if !matches!(request.uri().scheme_str(), Some("http" | "https")) {
            return Err("it is not an http:// or https:// address".to_owned());
        }
        let answer = self.http.send(request, MAX_BYTES, TIME).await;
        let answer = answer.map_err(|lost| lost.to_string())?;
        match answer.status {
            200 => read_answer(&answer.body, "credential_uri"),
            status => Err(format!("HTTP status {status}")),
        }
    }
}
