//! Files as tables: what they say, and what is wrong with them.

use proptest::prelude::*;

use super::*;

fn catalogue(text: &str) -> Catalogue {
    Catalogue::parse(text, "t.toml").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn target(lines: &str) -> Entry {
    catalogue(&format!("[[target]]\nname = \"a\"\nurl = \"https://h/\"\n{lines}")).0.remove(0)
}

#[test]
fn everything_that_a_target_may_say_is_read() {
    let all = catalogue(
        r#"
[[target]]
name = "lambda"
url = "https://u:p@h/x?a=b"
method = "PATCH"
headers = { X-A = "1", X-B = "" }
body = '{"a":1}'
path = ["apig", "lambda"]
baseline = true
tags = { region = "us-east-1", vpc = "1" }
resolve = "h:443:192.0.2.1"
expect_status = 201

[[target]]
name = "a b"
url = "h"
headers = ["X-A: 1", "Accept:"]
resolve = ["h:443:192.0.2.1", "*:80:::1,192.0.2.2"]
"#,
    );
    let [first, second] = [all.find("lambda").unwrap(), all.find("a b").unwrap()];
    assert_eq!(all.entries().collect::<Vec<_>>(), [first, second]);
    assert_eq!(first.location, "https://u:p@h/x?a=b".parse().unwrap());
    assert_eq!(first.method, Some(Method::Chosen("PATCH".into())));
    assert_eq!(first.headers, [HeaderField::set("X-A", "1"), HeaderField::set("X-B", "")]);
    assert_eq!(first.body.as_deref(), Some(&b"{\"a\":1}"[..]));
    assert_eq!(first.path, Some("apig,lambda".parse().unwrap()));
    assert_eq!((first.role, second.role), (Role::Baseline, Role::Compared));
    assert_eq!(first.tags.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(), ["region=us-east-1", "vpc=1"]);
    assert_eq!(first.resolve, ["h:443:192.0.2.1".parse().unwrap()]);
    assert_eq!((first.expect_status, second.expect_status), (Some(201), None));
    assert_eq!(second.location.url.as_str(), "http://h/");
    assert_eq!(second.headers, [HeaderField::set("X-A", "1"), HeaderField::Remove { name: "Accept".into() }]);
    assert_eq!(second.resolve.len(), 2);
    assert_eq!((&second.method, &second.body, &second.path), (&None, &None, &None));
    assert_eq!(all.closest("lamda"), Some("lambda"));
}

/// What is wrong with these lines after a name and a URL, without the place.
fn check(lines: &str, key: &str, problem: &str) {
    let text = format!("[[target]]\nname = \"a\"\nurl = \"https://h/\"\n{lines}");
    let error = Catalogue::parse(&text, "t.toml").map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), format!("t.toml:4: target.{key}: {problem}"), "{lines}");
}

/// What a target says wrongly; the key that is named for it; what is said of it.
const WRONG: &str = r#"
metod = 1                 : metod       : expected one of KEYS (perhaps method), got this key
retries = 1               : retries     : expected one of KEYS, got this key
method = 1                : method      : expected a method such as PUT, got 1
method = "A B"            : method      : expected a method such as PUT, got "A B"
headers = "X"             : headers     : expected { Name = "value" } or a list of "Name: value", got "X"
headers = ["X"]           : headers     : expected "Name: value", "Name:" or "Name;", got "X"
headers = [1]             : headers     : expected "Name: value", got 1
headers = { X-A = 1 }     : headers.X-A : expected a text, got 1
headers = { "X A" = "1" } : headers.X A : expected a field name of letters, digits and any of !#$%&'*+-.^_`|~, got "X A"
body = 1.5                : body        : expected a text, got 1.5
path = "ec2"              : path        : expected a list of layers such as ["apig", "lambda"], got "ec2"
path = [1]                : path        : expected a list of layers such as ["apig", "lambda"], got 1
baseline = "yes"          : baseline    : expected true or false, got "yes"
tags = ["a"]              : tags        : expected a table such as { region = "us-east-1" }, got a list
tags = { vpc = 1 }        : tags.vpc    : expected a text, got 1
resolve = {}              : resolve     : expected "HOST:PORT:ADDR" or a list of them, got a table
resolve = "h:1"           : resolve     : expected HOST:PORT:ADDR[,ADDR]…, got "h:1"
"#;

#[test]
fn what_a_target_says_wrongly_is_named_with_file_line_and_key() {
    let keys = "name, url, method, headers, body, path, baseline, tags, resolve, expect_status";
    for row in WRONG.trim().lines() {
        let mut cells = row.splitn(3, " : ").map(str::trim);
        let mut cell = || cells.next().unwrap_or_else(|| panic!("three cells: {row}"));
        check(cell(), cell(), &cell().replace("KEYS", keys));
    }
    for status in ["99", "600", "-1", "99999999999999999999", "\"ok\""] {
        let problem = format!("expected a status from 100 to 599, got {status}");
        check(&format!("expect_status = {status}"), "expect_status", &problem);
    }
}

#[test]
fn a_file_is_a_list_of_targets_with_names_of_their_own() {
    for (text, expect) in [
        ("", "t.toml:1: target: expected at least one [[target]] with a name and a url, got none"),
        ("target = []", "t.toml:1: target: expected at least one [[target]] with a name and a url, got none"),
        ("\n[target]", "t.toml:2: target: expected a list of tables, [[target]], got a table"),
        ("target = [1]", "t.toml:1: target: expected a table, [[target]], got 1"),
        ("\n[[targets]]", "t.toml:2: targets: expected one of target (perhaps target), got this key"),
        ("[[target]]\nurl = \"h\"", "t.toml:1: target.name: expected a name in every [[target]], got none"),
        ("[[target]]\nname = \"a\"", "t.toml:1: target.url: expected a URL in every [[target]], got none"),
        (
            "[[target]]\nname = \" \"\nurl = \"h\"",
            "t.toml:2: target.name: expected a name without control characters, got \" \"",
        ),
        ("[[target]]\nname = \"a\"\nurl = \"n=h\"", "t.toml:3: target.url: expected a URL, got \"n=h\""),
        (
            "[[target]]\nname = \"a\"\nurl = \"ftp://h/\"",
            "t.toml:3: target.url: expected a URL with http or https, got \"ftp\" in \"ftp://h/\"",
        ),
        (
            "[[target]]\nname = \"a\"\nurl = \"h\"\n[[target]]\nname = \"a\"\nurl = \"i\"",
            "t.toml:4: target.name: expected a name that no other target has, got \"a\", which is that of the target in line 1",
        ),
        (
            "[[target]]\nname = \"a\"\nurl = \"h\"\nbaseline = true\n[[target]]\nname = \"b\"\nurl = \"i\"\nbaseline = true",
            "t.toml:5: target.baseline: expected one baseline, got a second one beside \"a\"",
        ),
    ] {
        let error = Catalogue::parse(text, "t.toml").map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), expect, "{text}");
    }
    let error = Catalogue::parse("[[target]]\nname = ", "t.toml").map(|_| ()).unwrap_err();
    assert_eq!((error.line, error.key.as_str()), (2, "syntax"));
}

#[test]
fn what_is_not_said_is_absent() {
    let entry = target("");
    assert_eq!((entry.method, entry.body, entry.path, entry.expect_status), (None, None, None, None));
    assert!(entry.headers.is_empty() && entry.tags.is_empty() && entry.resolve.is_empty());
    assert_eq!(target("baseline = false").role, Role::Compared);
}

proptest! {
    #[test]
    fn any_text_is_a_catalogue_or_an_error_in_one_of_its_lines(
        text in any::<String>(),
        key in "[a-z_]{1,8}",
        value in "[0-9]{1,3}|\"[a-z:.]{0,9}\"|\\[\\]|\\{\\}|true",
    ) {
        let near = format!("[[target]]\nname = \"a\"\nurl = \"h\"\n{key} = {value}\n");
        for text in [text, near] {
            if let Err(error) = Catalogue::parse(&text, "t") {
                prop_assert!(error.line <= text.lines().count().max(1) + 1);
            }
        }
    }
}
