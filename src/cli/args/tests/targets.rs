//! Where to ask: words and files, and what flags change about the targets of a file.

use super::*;

#[test]
fn targets_come_from_words_and_from_a_file() {
    let names = |argv: &[&str]| {
        let targets = plan(argv).targets.into_iter();
        targets.map(|target| (target.name, target.request.url.to_string())).collect::<Vec<_>>()
    };
    let target = |name: &str, url: &str| (Some(name.to_owned()), url.to_owned());
    let [ec2, apig] = [target("ec2", "https://ec2/"), target("apig", "http://apig/items?a=b")];
    assert_eq!(names(&["--targets", "t.toml"]), [ec2.clone(), apig.clone()]);
    assert_eq!(names(&["--targets", "t.toml", "apig"]), std::slice::from_ref(&apig));
    assert_eq!(
        names(&["apig", "x=https://h/", "h:80", "ec2", "--targets", "t.toml"]),
        [apig, target("x", "https://h/"), (None, "http://h/".to_owned()), ec2]
    );
    let all = plan(&["--targets", "t.toml"]).targets;
    assert_eq!(all[0].path, Some("ec2".parse().unwrap()));
    assert_eq!((all[0].tags["region"].as_str(), all[0].expect_status), ("us-east-1", Some(204)));
    assert_eq!(all[0].resolve, ["ec2:443:192.0.2.1".parse().unwrap()]);
    assert_eq!(all[0].request.credentials, Some(basic("u", "p")));
    assert_eq!((all[1].path.as_ref(), all[1].expect_status, all[1].resolve.len()), (None, None, 0));
    for (argv, expect) in [
        (
            &["--targets", "t.toml", "ec3"][..],
            "TARGET: expected a URL or a name in t.toml (ec2, apig), got \"ec3\"; perhaps ec2",
        ),
        (
            &["--targets", "t.toml", "cloudfront"],
            "TARGET: expected a URL or a name in t.toml (ec2, apig), got \"cloudfront\"",
        ),
        (
            &["t.toml"],
            "TARGET: expected a URL, NAME=URL, or a name in the file of --targets, as this file may be meant to be, got \"t.toml\"",
        ),
        (
            &["--targets", "bad.toml"],
            "--targets: bad.toml:2: target.name: expected a name without control characters, got 1",
        ),
        (&["--targets", "none.toml"], "--targets: cannot read none.toml: entity not found"),
        (&["--targets", "latin1"], "--targets: expected a file in UTF-8, got \"latin1\""),
    ] {
        assert_eq!(resolve(argv).map(|_| ()), Err(expect.to_owned()), "{argv:?}");
    }
    assert!(resolve(&["-k"]).is_err());
}

#[test]
fn a_file_is_no_host_unless_a_scheme_says_so() {
    let says = |file: &str| {
        let end = "saved runs are named *.jsonl, and wirefall compare reads them (a host has http:// before it)";
        Err(format!("TARGET: {file} is a file here; {end}"))
    };
    for (argv, file) in [
        (&["run1.json"][..], "run1.json"),
        (&["logs/alb.log"], "logs/alb.log"),
        (&["old=run1.json"], "run1.json"),
        (&["h", "run1.json"], "run1.json"),
        (&["--targets", "t.toml", "run1.json"], "run1.json"),
    ] {
        assert_eq!(resolve(argv).map(|_| ()), says(file), "{argv:?}");
        let compared = parse(["wirefall", "compare"].iter().chain(argv).map(OsString::from));
        let Ok(Command::Compare(flags)) = compared else { panic!("{argv:?} is {compared:?}") };
        let found = flags.resolve(&Environment::default(), &given()).map(|_| ());
        assert_eq!(found.map_err(|error| error.to_string()), says(file), "compare {argv:?}");
    }
    for (word, url) in [
        ("http://run1.json", "http://run1.json/"),
        ("x=http://logs/alb.log", "http://logs/alb.log"),
        ("logs/other.log", "http://logs/other.log"),
    ] {
        assert_eq!(plan(&[word]).targets[0].request.url.as_str(), url);
    }
}

#[test]
fn flags_beat_what_the_file_says_of_a_target() {
    let of = |flags: &[&str]| {
        let argv = [flags, &["--targets", "t.toml"]].concat();
        plan(&argv).targets.into_iter().map(|target| target.request).collect::<Vec<_>>()
    };
    let method =
        |flags: &[&str]| of(flags).iter().map(|request| request.method.as_str().to_owned()).collect::<Vec<_>>();
    let body = |flags: &[&str]| {
        of(flags)
            .iter()
            .map(|request| request.body.as_deref().map(|body| String::from_utf8_lossy(body).into_owned()))
            .collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!((method(&[]), body(&[])), (vec!["GET".into(), "PATCH".into()], vec![None, some("file")]));
    assert_eq!(
        (method(&["-X", "PUT"]), body(&["-X", "PUT"])),
        (vec!["PUT".into(), "PUT".into()], vec![None, some("file")])
    );
    assert_eq!(
        (method(&["-d", "x"]), body(&["-d", "x"])),
        (vec!["POST".into(), "POST".into()], vec![some("x"), some("x")])
    );
    assert_eq!((method(&["-I"]), body(&["-I"])), (vec!["HEAD".into(), "HEAD".into()], vec![None, None]));
    assert_eq!(
        (method(&["-G", "-d", "x=1"]), body(&["-G", "-d", "x=1"])),
        (vec!["GET".into(), "GET".into()], vec![None, None])
    );
    assert_eq!(of(&["-G", "-d", "x=1"])[1].url.as_str(), "http://apig/items?a=b&x=1");

    let field = HeaderField::set;
    let [x_a, x_b, plain] = [field("X-A", "file"), field("X-B", "file"), field("Content-Type", "text/plain")];
    assert_eq!(of(&[])[0].headers, [plain.clone(), x_a.clone(), x_b.clone()]);
    assert_eq!(of(&["-H", "x-a: flag"])[0].headers, [plain.clone(), x_b.clone(), field("x-a", "flag")]);
    // What the file says of the body's type beats what -d would imply, not what --json says.
    assert_eq!(of(&["-d", "x"])[0].headers, [plain, x_a.clone(), x_b.clone()]);
    assert_eq!(of(&["-d", "x"])[1].headers, [field("Content-Type", "application/x-www-form-urlencoded")]);
    let json = [x_a, x_b, field("Content-Type", "application/json"), field("Accept", "application/json")];
    assert_eq!(of(&["--json", "{}"])[0].headers, json);
}
