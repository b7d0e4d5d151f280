//! Profiles that are accepted, and what is said about those that are not.

use super::*;

fn check_error(text: &str, line: usize, key: &str, problem: &str) {
    match Profile::parse(text, "slow.toml") {
        Err(ProfileError::Invalid { file, line: found_line, key: found_key, problem: found }) => {
            assert_eq!((file.as_str(), found_line, found_key.as_str()), ("slow.toml", line, key), "{text}: {found}");
            assert!(found.contains(problem), "{text}: {found}");
        }
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn the_embedded_profile_holds_the_published_figures() {
    let profile = Profile::default();
    let ms = Nanos::from_millis;
    assert_eq!(profile.ec2.app, ms(1));
    assert_eq!(profile.cloudfront.own, ms(7));
    assert_eq!((profile.apig_rest.own, profile.lambda.invoke), (ms(3), ms(20)));
    assert_eq!(profile.lambda.cold_base, Range { low: ms(250), high: ms(300) });
    assert_eq!(profile.lambda.download_per_mb, ms(12));
    assert_eq!(profile.lambda.vpc, Range { low: ms(500), high: ms(10_000) });
    let frameworks: Vec<_> =
        profile.lambda.frameworks.iter().map(|(name, init)| (name.as_str(), init.get() / 1_000_000)).collect();
    assert_eq!(
        frameworks,
        [
            ("chalice", 0),
            ("serverless_django", 80),
            ("serverless_flask", 35),
            ("zappa_django", 2270),
            ("zappa_flask", 750)
        ]
    );
}

#[test]
fn a_file_changes_what_it_names_and_nothing_else() {
    let mut expect = Profile::default();
    expect.cloudfront.own = Nanos::from_micros(12_500);
    expect.lambda.framework = "own".to_owned();
    expect.lambda.frameworks.insert("own".to_owned(), Nanos::from_millis(5));
    let text = "cloudfront.own_ms = 12.5\n[lambda]\nframework = 'own'\nframework_ms.own = 5\n";
    assert_eq!(Profile::parse(text, "own.toml").unwrap(), expect);
    assert_eq!(Profile::parse("", "empty.toml").unwrap(), Profile::default());
}

#[test]
fn errors_name_file_line_key_and_what_was_expected() {
    check_error("[ec2]\napp_ms = -1\n", 2, "ec2.app_ms", "expected milliseconds from 0 to 86400000, got -1");
    check_error("[ec2]\napp_ms = nan\n", 2, "ec2.app_ms", "got NaN");
    check_error("[ec2]\napp_ms = 'x'\n", 2, "ec2.app_ms", "expected");
    check_error("\n[ec2]\nown_ms = 1\n", 3, "ec2.own_ms", "expected `app_ms`");
    check_error("[elbow]\nown_ms = 1\n", 1, "elbow", "unknown field `elbow`");
    check_error("[elb]\nstickiness = 'often'\n", 2, "elb.stickiness", "expected `cookie` or `none`");
    check_error("[cloudfront]\npop = \"a\\r\\nb\"\n", 2, "cloudfront.pop", "expected letters");
    check_error("[lambda]\ncold_base_ms = [300, 250]\n", 2, "lambda.cold_base_ms", "low <= high");
    check_error("[lambda]\nidle_s = [1]\n", 2, "lambda.idle_s", "expected");
    check_error("[lambda]\nconcurrency = 0\n", 2, "lambda.concurrency", "at least 1");
    check_error("[lambda]\npackage_mb = inf\n", 2, "lambda.package_mb", "from 0 to 100000");
    check_error("[lambda]\nframework = 'rails'\n", 2, "lambda.framework", "chalice, serverless_django");
    check_error("[lambda]\n\nframework_ms.own = -5\n", 3, "lambda.framework_ms.own", "expected milliseconds");
    check_error("[distance]\nloss_percent = 101\n", 2, "distance.loss_percent", "from 0 to 100");
    check_error("[distance.round_trip_ms]\nEU = 1\n", 2, "distance.round_trip_ms.EU", "expected the name of a region");
    check_error("[distance.round_trip_ms]\neu = -1\n", 2, "distance.round_trip_ms.eu", "expected milliseconds");
    check_error("[ec2\n", 1, "syntax", "");
    check_error("ec2 = 1\n", 1, "ec2", "expected");
}

#[test]
fn a_missing_file_is_named() {
    let error = Profile::read(Path::new("/nonexistent/slow.toml")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the delay profile /nonexistent/slow.toml");
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(\\PC|\n){0,200}") {
        let _ = Profile::parse(&text, "any.toml");
    }
}
