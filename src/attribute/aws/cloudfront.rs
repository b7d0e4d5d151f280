//! CloudFront's standard and real-time logs (CloudFront developer guide, "Standard logs" and "Real-time logs").
//!
//! Fields are parted by tabs, `-` where empty, values percent-encoded. In a standard log a `#Fields:` line names the columns, and
//! several such lines may follow one another in one stream, where files were put together; in a real-time log the user chose
//! the fields, so he has to name them. Both say when the edge had answered, in UTC.
//!
//! Invariant: columns go by name alone. A line before any `#Fields:` line is taken to have the documented columns.

use std::borrow::Cow;
use std::net::IpAddr;

use super::balancer::text;
use super::error::{FieldName, LineError};
use super::written::{self, MILLISECOND, SECOND, Written, length};
use crate::attribute::record::{Claim, Key, Moment, MomentOf, Part, Record, Remark, RequestFacts, Source, Where};
use crate::attribute::root::{agent_token, x_ray_root};
use crate::time::Nanos;

const RESOLUTION: Nanos = Nanos::from_millis(1);

/// The documented fields of a real-time log in their order, for those who chose all of them.
const REALTIME: &str = "timestamp c-ip time-to-first-byte sc-status sc-bytes cs-method cs-protocol cs-host cs-uri-stem \
    cs-bytes x-edge-location x-edge-request-id x-host-header time-taken cs-protocol-version c-ip-version cs-user-agent \
    cs-referer cs-cookie cs-uri-query x-edge-response-result-type x-forwarded-for ssl-protocol ssl-cipher \
    x-edge-result-type fle-encrypted-fields fle-status sc-content-type sc-content-len sc-range-start sc-range-end c-port \
    x-edge-detailed-result-type c-country cs-accept-encoding cs-accept cache-behavior-path-pattern cs-headers \
    cs-header-names cs-headers-count primary-distribution-id primary-distribution-dns-name origin-fbl origin-lbl asn";

/// The columns of a standard log where no line names them.
const STANDARD: &str = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) \
    cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes \
    time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status \
    fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len \
    sc-range-start sc-range-end";

/// What stands in which column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Date,
    Time,
    Timestamp,
    TimestampMillis,
    Location,
    ClientAddress,
    ClientPort,
    Method,
    Host,
    Path,
    Status,
    Agent,
    Headers,
    RequestId,
    Result,
    DetailedResult,
    TimeTaken,
    FirstByte,
    OriginFirstByte,
    OriginLastByte,
    Other,
}

impl Column {
    fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp" => Self::Timestamp,
            "timestamp(ms)" => Self::TimestampMillis,
            "x-edge-location" => Self::Location,
            "c-ip" => Self::ClientAddress,
            "c-port" => Self::ClientPort,
            "cs-method" => Self::Method,
            "x-host-header" => Self::Host,
            "cs-uri-stem" => Self::Path,
            "sc-status" => Self::Status,
            "cs(user-agent)" | "cs-user-agent" => Self::Agent,
            "cs-headers" => Self::Headers,
            "x-edge-request-id" => Self::RequestId,
            "x-edge-result-type" => Self::Result,
            "x-edge-detailed-result-type" => Self::DetailedResult,
            "time-taken" => Self::TimeTaken,
            "time-to-first-byte" => Self::FirstByte,
            "origin-fbl" => Self::OriginFirstByte,
            "origin-lbl" => Self::OriginLastByte,
            _ => Self::Other,
        }
    }
}

/// A list of fields names none that is of use here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected names of CloudFront's fields parted by commas or spaces, x-edge-request-id or c-port among them, got {0:?}"
)]
pub struct ColumnsError(String);

impl Columns {
    /// From the user's list of a real-time log's fields, parted by commas or spaces.
    pub fn parse(list: &str) -> Result<Self, ColumnsError> {
        let columns = Self::split(list);
        let joins = |column: &Column| {
            matches!(column, Column::RequestId | Column::ClientPort | Column::Agent | Column::Headers)
        };
        if columns.0.iter().any(joins) { Ok(columns) } else { Err(ColumnsError(list.to_owned())) }
    }

    /// All fields of a real-time log.
    #[must_use]
    pub fn realtime() -> Self {
        Self::split(REALTIME)
    }

    /// The documented columns of a standard log.
    #[must_use]
    pub fn standard() -> Self {
        Self::split(STANDARD)
    }

    /// No columns: what is no log of CloudFront has none.
    pub(super) const fn none() -> Self {
        Self(Vec::new())
    }

    fn split(list: &str) -> Self {
        let names = list.split(|letter: char| letter == ',' || letter.is_ascii_whitespace());
        Self(names.filter(|name| !name.is_empty()).map(Column::named).collect())
    }

    /// Which column, counted from 0, has the client's port.
    pub(super) fn client_port(&self) -> Option<usize> {
        self.0.iter().position(|column| *column == Column::ClientPort)
    }
}

/// The columns that a line names, if it is a `#Fields:` line.
pub(super) fn header(line: &[u8]) -> Option<Columns> {
    let names = line.strip_prefix(b"#Fields:")?;
    Some(Columns::split(&String::from_utf8_lossy(names)))
}

/// One line; `None` of a comment.
pub(super) fn parse(line: &[u8], source: Source, columns: &Columns, at: Where) -> Result<Option<Record>, LineError> {
    if line.starts_with(b"#") || line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let mut row = Row::default();
    let mut record = Record::new(source, at);
    let mut seen = 0;
    for (field, column) in line.split(|byte| *byte == b'\t').zip(&columns.0) {
        seen += 1;
        if !matches!(field, b"" | b"-") {
            row.take(*column, field, &mut record)?;
        }
    }
    if seen < 2 && columns.0.len() > 1 {
        return Err(LineError::new(FieldName::Line, "fields parted by tabs", line));
    }
    row.finish(&mut record);
    Ok(Some(record))
}

/// What stands in several columns and makes sense together.
#[derive(Default)]
struct Row<'l> {
    date: Option<&'l [u8]>,
    time: Option<&'l [u8]>,
    port: Option<u16>,
    facts: RequestFacts,
    result: Option<String>,
    token: Option<Key>,
    root: Option<Key>,
}

impl<'l> Row<'l> {
    fn take(&mut self, column: Column, field: &'l [u8], record: &mut Record) -> Result<(), LineError> {
        match column {
            Column::Date => self.date = Some(field),
            Column::Time => self.time = Some(field),
            Column::Timestamp => record.time = moment(field, SECOND),
            Column::TimestampMillis => record.time = moment(field, MILLISECOND),
            Column::Location => self.facts.by = text(Some(field)),
            Column::ClientAddress => self.facts.client = address(field),
            Column::ClientPort => self.port = std::str::from_utf8(field).ok().and_then(|port| port.parse().ok()),
            Column::Method => self.facts.method = text(Some(field)),
            Column::Host => self.facts.host = text(Some(field)),
            Column::Path => self.facts.url = text(Some(field)),
            Column::Status => self.facts.status = super::balancer::status(field),
            Column::Agent => {
                let agent = decoded(field);
                self.token = agent_token(&agent).map(Key::AgentToken);
                self.facts.agent = text(Some(&agent));
            }
            Column::Headers => self.root = root(&decoded(field)).map(Key::TraceRoot),
            Column::RequestId => record.keys.extend(text(Some(field)).map(Key::CloudFrontId)),
            Column::Result => self.result = self.result.take().or_else(|| text(Some(field))),
            Column::DetailedResult => self.result = text(Some(field)),
            Column::TimeTaken => claim(record, "time-taken", Part::CloudFrontTotal, field)?,
            Column::FirstByte => claim(record, "time-to-first-byte", Part::CloudFrontFirstByte, field)?,
            Column::OriginFirstByte => claim(record, "origin-fbl", Part::OriginFirstByte, field)?,
            Column::OriginLastByte => claim(record, "origin-lbl", Part::OriginLastByte, field)?,
            Column::Other => {}
        }
        Ok(())
    }

    fn finish(self, record: &mut Record) {
        if let (Some(date), Some(time)) = (self.date, self.time) {
            let at = written::date_and_time(date, time);
            record.time = at.map(|at| Moment { at, of: MomentOf::End, resolution: Nanos::from_secs(1) });
        }
        record.keys.extend(self.root);
        record.keys.extend(self.token);
        record.keys.extend(self.facts.client.zip(self.port).map(|client| Key::ClientPort(client.into())));
        record.remarks.extend(self.result.map(Remark::CacheResult));
        record.request = Some(self.facts);
    }
}

fn claim(record: &mut Record, name: &'static str, part: Part, field: &[u8]) -> Result<(), LineError> {
    match length(field, SECOND) {
        Written::Length(duration) => record.claims.push(Claim { part, duration, resolution: RESOLUTION }),
        Written::Absent => {}
        Written::NotANumber => return Err(LineError::new(FieldName::Named(name), "seconds, or -", field)),
    }
    Ok(())
}

/// Since 1970; with a fraction it is as fine as a millisecond.
fn moment(field: &[u8], unit: u64) -> Option<Moment> {
    let fine = unit == MILLISECOND || field.contains(&b'.');
    let resolution = if fine { RESOLUTION } else { Nanos::from_secs(1) };
    written::since_epoch(field, unit).map(|at| Moment { at, of: MomentOf::End, resolution })
}

fn address(field: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// The root among the request's headers (`Name:value`, one a line).
fn root(headers: &[u8]) -> Option<crate::trace::TraceId> {
    headers.split(|byte| *byte == b'\n').find_map(|header| {
        let colon = header.iter().position(|byte| *byte == b':')?;
        let (name, value) = header.split_at(colon);
        if name.eq_ignore_ascii_case(b"x-amzn-trace-id") { x_ray_root(value.get(1..)?) } else { None }
    })
}

/// Percent-encoding removed; twice, because CloudFront encodes some fields that clients had encoded, and its own `%`.
fn decoded(field: &[u8]) -> Cow<'_, [u8]> {
    let once = decoded_once(field);
    match once {
        Cow::Owned(once) if once.contains(&b'%') => Cow::Owned(decoded_once(&once).into_owned()),
        once => once,
    }
}

fn decoded_once(field: &[u8]) -> Cow<'_, [u8]> {
    if !field.contains(&b'%') {
        return Cow::Borrowed(field);
    }
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut plain = Vec::with_capacity(field.len());
    let mut at = 0;
    while let Some(&byte) = field.get(at) {
        let encoded = if byte == b'%' { digit(field.get(at + 1)).zip(digit(field.get(at + 2))) } else { None };
        let code = encoded.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        plain.push(code.unwrap_or(byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "5833726236d228ad5d99923122bbe354";

    fn check(columns: &Columns, line: &str) -> Record {
        parse(line.as_bytes(), Source::CloudFrontStandard, columns, Where::default()).unwrap().unwrap()
    }

    #[test]
    fn columns_go_by_their_names() {
        let fields =
            header(b"#Fields: time-taken c-port x-edge-request-id cs(User-Agent) date c-ip time x-new").unwrap();
        let line =
            format!("1.204\t40000\tabc_-==\twirefall/0.1.0%20trace/{TOKEN}\t2026-11-21\t2001:db8::1\t04:38:33\tz");
        let record = check(&fields, &line);
        assert_eq!(record.length(Part::CloudFrontTotal), Some(Nanos::from_millis(1_204)));
        assert_eq!(
            record.keys,
            [
                Key::CloudFrontId("abc_-==".to_owned()),
                Key::AgentToken(TOKEN.parse().unwrap()),
                Key::ClientPort("[2001:db8::1]:40000".parse().unwrap()),
            ]
        );
        assert_eq!(record.time.unwrap().at, written::instant(b"2026-11-21T04:38:33Z").unwrap());
        assert_eq!(record.request.unwrap().agent.as_deref(), Some(&*format!("wirefall/0.1.0 trace/{TOKEN}")));
    }

    #[test]
    fn real_time_fields_are_the_users() {
        let columns =
            Columns::parse("timestamp, x-edge-request-id,origin-fbl origin-lbl, time-to-first-byte,cs-headers")
                .unwrap();
        let headers = format!("Host:x.example%0AX-Amzn-Trace-Id:Root=1-{}-{}%0AAccept:*/*", &TOKEN[..8], &TOKEN[8..]);
        let cases = [
            (format!("1574367600.123\tID==\t0.010\t0.012\t0.014\t{headers}"), Some(10), true),
            (format!("1574367600\tID==\t-\t-\t0.014\t{headers}"), None, false),
        ];
        for (line, origin, fine) in cases {
            let record = check(&columns, &line);
            assert_eq!(record.length(Part::OriginFirstByte), origin.map(Nanos::from_millis));
            assert_eq!(record.length(Part::OriginLastByte), origin.map(|millis| Nanos::from_millis(millis + 2)));
            assert_eq!(record.length(Part::CloudFrontFirstByte), Some(Nanos::from_millis(14)));
            assert_eq!(record.time.unwrap().resolution == RESOLUTION, fine);
            assert!(record.keys.contains(&Key::TraceRoot(TOKEN.parse().unwrap())), "{:?}", record.keys);
        }
        assert!(Columns::parse("timestamp, sc-bytes").is_err());
        assert!(Columns::realtime().client_port().is_some() && Columns::standard().client_port().is_some());
    }

    #[test]
    fn encoded_text_is_decoded_once_or_twice() {
        let cases = [
            ("plain", "plain"),
            ("a%20b", "a b"),
            ("a%2520b", "a b"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%25", "%"),
        ];
        for (encoded, expected) in cases {
            assert_eq!(decoded(encoded.as_bytes()), expected.as_bytes(), "{encoded}");
        }
    }

    #[test]
    fn what_is_no_row_says_so() {
        let columns = Columns::standard();
        let parsed = |line: &str| parse(line.as_bytes(), Source::CloudFrontStandard, &columns, Where::default());
        assert_eq!(parsed("#Version: 1.0"), Ok(None));
        assert_eq!(parsed(""), Ok(None));
        assert_eq!(
            parsed("https 2018-07-02").unwrap_err().to_string(),
            r#"the line: expected fields parted by tabs, got "https 2018-07-02""#
        );
        let soon =
            "2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\th\t/\t200\t-\t-\t-\t-\tHit\tID\th\thttps\t23\tsoon";
        assert_eq!(parsed(soon).unwrap_err().to_string(), r#"time-taken: expected seconds, or -, got "soon""#);
    }
}
