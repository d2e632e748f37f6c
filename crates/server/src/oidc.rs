//! People who come from an OpenID provider: authorisation code with PKCE (OpenID Connect Core 1.0, RFC 7636).
//!
//! What a flow needs to be checked (state, nonce, verifier) lies in the database under a secret in the browser's own
//! cookie, so that any process can finish what another one began, one browser cannot finish what another began, and
//! nothing is finished twice. Issuer, audience,
//! signature, expiry and nonce of the ID token are checked by `openidconnect`. Keys and addresses are fetched anew
//! for every login: people log in a few times a day, and a provider changes its keys when it likes.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use chrono::DateTime;
use clap::Args;
use engine::{Context, Identity};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims};
use openidconnect::{
    AccessTokenHash, AuthenticationContextClass, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    HttpRequest, HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, Scope, TokenResponse as _,
};
use serde::{Deserialize, Serialize};
use types::{SignedDuration, Timestamp};
use ureq::Agent;
use url::{Host, Url};
use zeroize::Zeroizing;

/// No provider takes this long; one that does has hung.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// More than any answer of a provider holds.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// How long somebody may take at the provider.
pub(crate) const FLOW: SignedDuration = SignedDuration::from_mins(10);
/// What a provider calls a login with a second factor (RFC 8176, section 2).
const SECOND_FACTORS: [&str; 4] = ["mfa", "otp", "hwk", "swk"];

/// Where people may come from.
#[derive(Args, Clone)]
pub(crate) struct Settings {
    /// An OpenID provider that people of the operator and of merchants may log in with. They must be users already;
    /// the login is the e-mail address that the provider has verified.
    #[arg(long = "oidc-issuer", value_name = "URL", requires_all = ["oidc_client_id", "oidc_client_secret_file", "oidc_redirect_url"])]
    oidc_issuer: Option<String>,
    /// What the provider calls this installation.
    #[arg(long, value_name = "ID", requires = "oidc_issuer")]
    oidc_client_id: Option<String>,
    /// A file with the client's secret, readable by its owner only.
    #[arg(long, value_name = "FILE", requires = "oidc_issuer")]
    oidc_client_secret_file: Option<PathBuf>,
    /// Where the provider sends people back to, as it is registered there: this server's public address and
    /// `/v1/oidc/callback`.
    #[arg(long, value_name = "URL", requires = "oidc_issuer")]
    oidc_redirect_url: Option<Url>,
    /// Ask the provider for this authentication context, and take it for a second factor.
    #[arg(long, value_name = "ACR", requires = "oidc_issuer")]
    oidc_acr: Option<String>,
}

/// A provider, as it is set.
pub(crate) struct Provider {
    issuer: IssuerUrl,
    client: ClientId,
    secret: ClientSecret,
    redirect: RedirectUrl,
    acr: Option<String>,
    agent: Agent,
}

/// What is kept while somebody is at the provider.
#[derive(Serialize, Deserialize)]
pub(crate) struct Flow {
    state: String,
    nonce: String,
    verifier: String,
}

/// Why a login with the provider did not come about.
pub(crate) enum Failed {
    /// The provider cannot be asked.
    Unavailable(anyhow::Error),
    /// What came back is not what was begun, or not what the provider signed.
    Refused(anyhow::Error),
}

impl Settings {
    /// The provider, if one is set.
    pub(crate) fn provider(&self) -> Result<Option<Provider>> {
        let Self { oidc_issuer, oidc_client_id, oidc_client_secret_file, oidc_redirect_url, oidc_acr } = self;
        let Some(issuer) = oidc_issuer else { return Ok(None) };
        let (Some(client), Some(file), Some(redirect)) =
            (oidc_client_id, oidc_client_secret_file, oidc_redirect_url)
        else {
            bail!("--oidc-issuer needs the client's id, secret file and redirect address");
        };
        let url = Url::parse(issuer).context("reading --oidc-issuer")?;
        ensure!(is_private_line(&url), "--oidc-issuer must be https, or http on loopback");
        let secret = std::fs::read_to_string(file).map(Zeroizing::new);
        let secret = secret.with_context(|| format!("reading {}", file.display()))?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(CALL_TIMEOUT))
            .build();
        Ok(Some(Provider {
            // As it was written: the provider's own name has a slash at its end or has none.
            issuer: IssuerUrl::new(issuer.clone())?,
            client: ClientId::new(client.clone()),
            secret: ClientSecret::new(secret.trim().to_owned()),
            redirect: RedirectUrl::from_url(redirect.clone()),
            acr: oidc_acr.clone(),
            agent: config.new_agent(),
        }))
    }
}

/// Nobody reads along: encrypted, or it does not leave this machine.
fn is_private_line(url: &Url) -> bool {
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && here)
}

/// The client of a provider whose addresses are known. A macro, because its type says which addresses those are.
macro_rules! client {
    ($provider:expr) => {{
        let metadata = $provider.metadata()?;
        let (id, secret) = ($provider.client.clone(), $provider.secret.clone());
        CoreClient::from_provider_metadata(metadata, id, Some(secret))
            .set_redirect_uri($provider.redirect.clone())
    }};
}

impl Provider {
    /// Where to send a browser, and what it must keep meanwhile.
    pub(crate) fn begin(&self, ctx: &mut Context<'_>) -> Result<(Url, Flow), Failed> {
        let client = client!(self);
        let mut secret = || {
            let mut bytes = Zeroizing::new([0_u8; 32]);
            ctx.random.fill_bytes(&mut *bytes);
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let flow = Flow { state: secret(), nonce: secret(), verifier: secret() };
        let (state, nonce) = (flow.state.clone(), flow.nonce.clone());
        let challenge =
            PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(flow.verifier.clone()));
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scope(Scope::new("email".to_owned()))
            .set_pkce_challenge(challenge);
        if let Some(acr) = &self.acr {
            request = request.add_auth_context_value(AuthenticationContextClass::new(acr.clone()));
        }
        let (url, _state, _nonce) = request.url();
        Ok((url, flow))
    }

    /// Whom the provider vouches for, after the browser came back with a code.
    pub(crate) fn finish(
        &self,
        now: Timestamp,
        flow: &Flow,
        (state, code): (&str, String),
    ) -> Result<Identity, Failed> {
        if flow.state != state {
            return Err(Failed::Refused(anyhow::anyhow!("the state is another flow's")));
        }
        let client = client!(self);
        let http = |request| self.call(request);
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(refused)?
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier.clone()))
            .request(&http)
            .map_err(refused)?;
        let token =
            tokens.id_token().ok_or_else(|| Failed::Refused(anyhow::anyhow!("there is no ID token")))?;
        let clock = move || DateTime::from_timestamp(now.as_second(), 0).unwrap_or(DateTime::UNIX_EPOCH);
        let verifier = client.id_token_verifier().set_time_fn(clock);
        let claims = token.claims(&verifier, &Nonce::new(flow.nonce.clone())).map_err(refused)?;
        if let Some(expected) = claims.access_token_hash() {
            let (algorithm, key) =
                (token.signing_alg().map_err(refused)?, token.signing_key(&verifier).map_err(refused)?);
            let actual =
                AccessTokenHash::from_token(tokens.access_token(), algorithm, key).map_err(refused)?;
            if actual != *expected {
                return Err(Failed::Refused(anyhow::anyhow!("the access token is another's")));
            }
        }
        let acr = claims.auth_context_ref().map(|acr| acr.as_str());
        let second = claims.auth_method_refs().into_iter().flatten();
        let second = second.map(|method| method.as_str()).any(|method| SECOND_FACTORS.contains(&method));
        let mut email = (claims.email(), claims.email_verified());
        let info: CoreUserInfoClaims;
        if email.0.is_none() && client.user_info_url().is_some() {
            let asked = client.user_info(tokens.access_token().clone(), Some(claims.subject().clone()));
            info = asked.map_err(refused)?.request(&http).map_err(refused)?;
            email = (info.email(), info.email_verified());
        }
        Ok(Identity {
            issuer: claims.issuer().to_string(),
            subject: claims.subject().to_string(),
            verified_email: email.0.filter(|_| email.1 == Some(true)).map(|email| email.to_string()),
            second_factor: second || (acr.is_some() && acr == self.acr.as_deref()),
        })
    }

    fn metadata(&self) -> Result<CoreProviderMetadata, Failed> {
        CoreProviderMetadata::discover(&self.issuer, &|request| self.call(request))
            .map_err(|error| Failed::Unavailable(chain(&error)))
    }

    fn call(&self, request: HttpRequest) -> Result<HttpResponse, CallFailed> {
        let url = Url::parse(&request.uri().to_string()).map_err(CallFailed::new)?;
        if !is_private_line(&url) {
            return Err(CallFailed("the provider names an address without encryption".to_owned()));
        }
        let (parts, body) = request.into_parts();
        let response = if body.is_empty() {
            self.agent.run(ureq::http::Request::from_parts(parts, ()))
        } else {
            self.agent.run(ureq::http::Request::from_parts(parts, body))
        };
        let (parts, mut body) = response.map_err(CallFailed::new)?.into_parts();
        let read = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec().map_err(CallFailed::new)?;
        Ok(HttpResponse::from_parts(parts, read))
    }
}

/// The provider did not answer.
#[derive(Debug)]
struct CallFailed(String);

impl CallFailed {
    fn new(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for CallFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CallFailed {}

fn refused(error: impl std::error::Error) -> Failed {
    Failed::Refused(chain(&error))
}

/// An error with its causes, as text: some of them cannot leave their thread.
fn chain(error: &dyn std::error::Error) -> anyhow::Error {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    anyhow::anyhow!(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        let private = |url: &str| is_private_line(&Url::parse(url).unwrap());
        for url in ["https://id.example.org", "http://127.0.0.1:1", "http://localhost/x", "http://[::1]:9/"] {
            assert!(private(url), "{url}");
        }
        for url in
            ["http://id.example.org", "http://127.0.0.1.example.org", "ftp://localhost", "http://10.0.0.1"]
        {
            assert!(!private(url), "{url}");
        }
    }
}
