//! What is asked: method, header fields, body, credentials.
//!
//! As in curl, `-H` beats `-A`, `-b` and what `--json` adds. Deviations: cookies are joined with `; ` (RFC 6265 §4.2.1; curl
//! leaves out the blank), a line of `-H` that is no field is an error (curl skips it), and `-u` without a password is one
//! too (curl asks for it).

use crate::cli::args::body::{self, BodyArgs};
use crate::cli::args::error::{ArgsError, OfFlag, ValueError};
use crate::cli::args::flags::RequestArgs;
use crate::cli::args::{Environment, Inputs};
use crate::target::{ContentCoding, Credentials, Entry, HeaderField, Location, Method, Request, SigV4Scope};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Everything about a request except where it goes; read once, used for each target.
#[derive(Debug)]
pub(super) struct Template {
    method: Method,
    headers: Vec<HeaderField>,
    /// What the body is, where nobody says otherwise.
    body_type: Option<HeaderField>,
    body: Option<Vec<u8>>,
    query: Option<String>,
    identity: Identity,
    coding: ContentCoding,
}

/// Who asks, as far as the flags say.
#[derive(Debug)]
enum Identity {
    /// `-u`, or else the user in the URL.
    Basic(Option<(String, String)>),
    /// `--oauth2-bearer`.
    Bearer(String),
    /// `--aws-sigv4`, with the keys of `-u`, else the URL, else the environment.
    Aws { scope: SigV4Scope, user: Option<(String, String)>, environment: Option<AwsKeys> },
}

/// The keys that AWS's own tools take from the environment.
#[derive(Debug)]
struct AwsKeys {
    access_key: String,
    secret_key: String,
    session_token: Option<String>,
}

impl Template {
    pub(super) fn read(
        flags: &RequestArgs,
        body: &BodyArgs,
        environment: &Environment,
        inputs: &dyn Inputs,
    ) -> Result<Self, ArgsError> {
        if flags.head && !flags.get && !body.parts.is_empty() {
            let reason = "HEAD has no body (-G sends it in the URL)";
            return Err(ArgsError::Conflict { flag: "-I", other: body.parts[0].source.flag(), reason });
        }
        let has_json = body.has_json();
        let bytes = body.read(inputs)?;
        let (body, query) = if flags.get {
            (None, bytes.map(String::from_utf8).transpose().map_err(|_| ValueError::Secret("UTF-8 text")).of("-G")?)
        } else {
            (bytes, None)
        };
        let method = match &flags.method {
            Some(chosen) => chosen.parse().of("-X")?,
            None if flags.head => Method::Derived("HEAD"),
            None if body.is_some() => Method::Derived("POST"),
            None => Method::Derived("GET"),
        };
        let mut headers = header_fields(&flags.headers, inputs)?;
        let mut add = |name: &str, field: HeaderField| {
            if !headers.iter().any(|given| given.is(name)) {
                headers.push(field);
            }
        };
        if let Some(agent) = &flags.user_agent {
            add("User-Agent", user_agent(agent)?);
        }
        if !flags.cookies.is_empty() {
            add("Cookie", cookie(&flags.cookies)?);
        }
        if has_json {
            add("Content-Type", HeaderField::set("Content-Type", JSON));
            add("Accept", HeaderField::set("Accept", JSON));
        }
        let body_type = body.is_some().then(|| HeaderField::set("Content-Type", FORM));
        let coding = if flags.compressed { ContentCoding::Compressed } else { ContentCoding::AsIs };
        Ok(Self { method, headers, body_type, body, query, identity: Identity::read(flags, environment)?, coding })
    }

    /// The request to a place, and the place's name.
    pub(super) fn request_to(&self, location: Location) -> Result<(Option<String>, Request), ArgsError> {
        let Location { name, mut url, user } = location;
        if let Some(added) = self.query.as_deref().filter(|added| !added.is_empty()) {
            let query = match url.query() {
                None | Some("") => added.to_owned(),
                Some(query) if query.ends_with('&') => format!("{query}{added}"),
                Some(query) => format!("{query}&{added}"),
            };
            url.set_query(Some(&query));
        }
        let request = Request {
            credentials: self.identity.credentials(user, &url)?,
            url,
            method: self.method.clone(),
            headers: self.complete(self.headers.clone()),
            body: self.body.clone(),
            coding: self.coding,
        };
        Ok((name, request))
    }

    /// The request of a target that a file describes. Flags beat the file.
    pub(super) fn request_of(&self, entry: &Entry) -> Result<Request, ArgsError> {
        let (_, mut request) = self.request_to(entry.location.clone())?;
        if self.method == Method::Derived("GET") && self.query.is_none() {
            request.body.clone_from(&entry.body);
            let derived = if request.body.is_some() { "POST" } else { "GET" };
            request.method = entry.method.clone().unwrap_or(Method::Derived(derived));
        } else if matches!(self.method, Method::Chosen(_)) && self.body.is_none() && self.query.is_none() {
            request.body.clone_from(&entry.body);
        }
        let own = entry.headers.iter().filter(|field| !self.headers.iter().any(|given| given.is(field.name())));
        request.headers = self.complete(own.chain(&self.headers).cloned().collect());
        Ok(request)
    }

    /// These fields, and the body's type where none of them gives or removes it.
    fn complete(&self, mut headers: Vec<HeaderField>) -> Vec<HeaderField> {
        let missing = self.body_type.iter().filter(|field| !headers.iter().any(|given| given.is(field.name())));
        let missing: Vec<HeaderField> = missing.cloned().collect();
        headers.extend(missing);
        headers
    }
}

impl Identity {
    fn read(flags: &RequestArgs, environment: &Environment) -> Result<Self, ArgsError> {
        let user = match flags.user.as_deref().map(|user| user.split_once(':')) {
            None => None,
            Some(Some((user, password))) => Some((user.to_owned(), password.to_owned())),
            Some(None) => {
                return Err(ValueError::Secret("USER:PASSWORD, with the colon (nothing asks for a password)")).of("-u");
            }
        };
        if let Some(token) = &flags.oauth2_bearer {
            if token.is_empty() || token.chars().any(|c| c.is_ascii_control()) {
                return Err(ValueError::Secret("a token without control characters")).of("--oauth2-bearer");
            }
            return Ok(Self::Bearer(token.clone()));
        }
        let Some(scope) = &flags.aws_sigv4 else { return Ok(Self::Basic(user)) };
        let variable = |name| environment.get(name).map(str::to_owned);
        let keys = variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY"));
        let environment = keys.map(|(access_key, secret_key)| AwsKeys {
            access_key,
            secret_key,
            session_token: variable("AWS_SESSION_TOKEN"),
        });
        Ok(Self::Aws { scope: scope.parse().of("--aws-sigv4")?, user, environment })
    }

    fn credentials(&self, of_url: Option<(String, String)>, url: &url::Url) -> Result<Option<Credentials>, ArgsError> {
        Ok(match self {
            Self::Bearer(token) => Some(Credentials::Bearer(token.clone())),
            Self::Basic(user) => user.clone().or(of_url).map(|(user, password)| Credentials::Basic { user, password }),
            Self::Aws { scope, user, environment } => {
                let (region, service) = scope.for_url(url).of("--aws-sigv4")?;
                let (access_key, secret_key, session_token) = match (user.clone().or(of_url), environment) {
                    (Some((access_key, secret_key)), _) => (access_key, secret_key, None),
                    (None, Some(keys)) => {
                        (keys.access_key.clone(), keys.secret_key.clone(), keys.session_token.clone())
                    }
                    (None, None) => {
                        let needed = "-u ACCESS_KEY:SECRET_KEY, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
                        return Err(ArgsError::Needs { flag: "--aws-sigv4", needed });
                    }
                };
                Some(Credentials::AwsSigV4 { region, service, access_key, secret_key, session_token })
            }
        })
    }
}

/// The fields of all `-H`, those in files included. Blank lines of a file say nothing.
fn header_fields(flags: &[String], inputs: &dyn Inputs) -> Result<Vec<HeaderField>, ArgsError> {
    let mut fields = Vec::new();
    for flag in flags {
        let Some(file) = flag.strip_prefix('@') else {
            fields.push(flag.parse().of("-H")?);
            continue;
        };
        let bytes = body::read("-H", file, inputs)?;
        let text = body::text(bytes, file).of("-H")?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            fields.push(line.parse().of("-H")?);
        }
    }
    Ok(fields)
}

fn user_agent(agent: &str) -> Result<HeaderField, ArgsError> {
    if agent.is_empty() {
        return Ok(HeaderField::Remove { name: "User-Agent".into() });
    }
    format!("User-Agent: {agent}").parse().of("-A")
}

fn cookie(cookies: &[String]) -> Result<HeaderField, ArgsError> {
    if let Some(file) = cookies.iter().find(|cookie| !cookie.contains('=')) {
        let expected = "NAME=VALUE (a word without = would be a file, and cookie files are not read)";
        return Err(ValueError::Form { expected, got: file.clone() }).of("-b");
    }
    format!("Cookie: {}", cookies.join("; ")).parse().of("-b")
}
