//! Profiles that are accepted, and what is said about those that are not.

use super::*;
use crate::time::Nanos;

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
    let bounds = |range: Range| [range.low(), range.high()];
    assert_eq!(bounds(profile.lambda.cold_base), [ms(250), ms(300)]);
    assert_eq!(profile.lambda.download_per_mb, ms(12));
    assert_eq!(bounds(profile.lambda.vpc), [ms(500), ms(10_000)]);
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
    check_error("[clb]\nstickiness = 'often'\n", 2, "clb.stickiness", "expected `cookie` or `none`");
    check_error("[nlb]\nstickiness = 'cookie'\n", 2, "nlb.stickiness", "expected `own_ms`");
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

#[test]
fn a_client_is_put_into_a_place_that_the_profile_knows() {
    let text = "distance.from.moon.round_trip_ms.us-east-1 = 2560\nskew_ms.elb = -5000";
    let mut profile = Profile::parse(text, "test.toml").unwrap();
    assert_eq!(profile.clocks.elb, "-5000".parse().unwrap());
    let error = profile.distance.put_client("mars").unwrap_err();
    assert!(error.to_string().contains("frankfurt, moon, sydney, virginia; got \"mars\""), "{error}");
    profile.distance.put_client("moon").unwrap();
    let regions: Vec<_> = profile.distance.regions.into_iter().collect();
    assert_eq!(regions, [("us-east-1".parse().unwrap(), Nanos::from_millis(2_560))]);
    check_error("[lambda]\nruntime_share = 1.5", 2, "lambda.runtime_share", "expected a share from 0 to 1, got 1.5");
    check_error("[skew_ms]\nec2 = 1", 2, "skew_ms.ec2", "unknown field");
    check_error("[skew_ms]\nelb = 1e9", 2, "skew_ms.elb", "expected milliseconds from -86400000 to 86400000");
}

#[test]
fn the_profiles_of_the_gallery_are_profiles() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/profiles");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        Profile::read(&path).unwrap();
        names.push(path.file_stem().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, ["guarded", "virginia", "worldwide"]);
}

/// What a request over a fresh connection takes from a place to the region that is asked for.
#[test]
fn the_worldwide_profile_holds_the_published_figures() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/profiles/worldwide.toml");
    let mut profile = Profile::read(&path).unwrap();
    for (place, millis) in [("virginia", 80), ("ireland", 200), ("oregon", 200), ("tokyo", 305), ("sydney", 305)] {
        profile.distance.put_client(place).unwrap();
        let DistanceProfile { dns, regions, .. } = &profile.distance;
        let names = *dns + profile.dns.answer;
        let round_trip = regions[&"us-east-1".parse().unwrap()];
        let total = names + round_trip + round_trip + round_trip + profile.ec2.app;
        let published = Nanos::from_millis(millis);
        assert!(
            total.saturating_sub(published) + published.saturating_sub(total) < Nanos::from_millis(2),
            "{place}: {total}"
        );
    }
}
