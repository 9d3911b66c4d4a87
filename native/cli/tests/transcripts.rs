//! Every transcript in `tests/cmd` and every console block of the documentation is what the command really prints.
//!
//! After a wanted change: `TRYCMD=overwrite cargo test -p imagecache-cli --test transcripts`, and read the diff.

#[test]
fn transcripts_match_output() {
    trycmd::TestCases::new()
        .default_bin_name("imagecache")
        .case("tests/cmd/*.trycmd")
        .case("tests/cmd/*.toml");
}
