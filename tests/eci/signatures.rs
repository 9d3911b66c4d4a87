use imagecache::eci::error::ErrorCode;
use imagecache::eci::params::Params;
use imagecache::eci::signature::{
    ApiCall, Credential, HttpRequest, Received, ReplyFormat, Scheme, SignedCall, v1, v3,
};
use imagecache::eci::{Secret, VERSION};
use imagecache::time::Timestamp;
use proptest::prelude::*;
use serde_json::Value;

use crate::{files, json_files, text};

fn pairs(value: &Value) -> Vec<(&str, &str)> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
        .collect()
}

#[test]
fn signature_vectors_match() {
    let vectors = json_files("signatures");
    assert_eq!(vectors.len(), 17);
    for (name, vector) in &vectors {
        let (request, expected) = (&vector["request"], &vector["expected"]);
        let request = HttpRequest {
            method: text(request, "/method"),
            target: text(request, "/target"),
            headers: pairs(&request["headers"]),
            body: text(request, "/body").as_bytes(),
        };
        let secret = Secret::from(text(expected, "/access_key_secret"));
        let received = Received::read(&request).unwrap();
        assert_eq!(
            received.access_key_id,
            text(expected, "/access_key_id"),
            "{name}"
        );
        assert_eq!(
            received.string_to_sign(),
            text(expected, "/string_to_sign"),
            "{name}"
        );
        assert_eq!(received.signature(), text(expected, "/signature"), "{name}");
        received.verify(&secret).unwrap();
        if text(expected, "/algorithm") == "HMAC-SHA1" {
            assert_eq!(received.scheme, Scheme::V1);
            let params: Params = expected["params"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
                .collect();
            assert_eq!(
                params.canonical(),
                text(expected, "/canonical_query"),
                "{name}"
            );
            let signed = v1::string_to_sign(request.method, &params);
            assert_eq!(
                v1::signature(&secret, &signed),
                text(expected, "/signature")
            );
        } else {
            assert_eq!(received.scheme, Scheme::V3);
            let signed: Vec<&str> = expected["signed_headers"]
                .as_array()
                .unwrap()
                .iter()
                .map(|name| name.as_str().unwrap())
                .collect();
            let canonical = v3::canonical_request(&request, &signed).unwrap();
            assert_eq!(canonical, text(expected, "/canonical_request"), "{name}");
            assert_eq!(
                v3::content_sha256(canonical.as_bytes()),
                text(expected, "/hashed_canonical_request")
            );
            assert_eq!(
                v3::signature(&secret, received.string_to_sign()),
                text(expected, "/signature")
            );
        }
    }
}

#[test]
fn every_recorded_request_of_the_four_official_clients_verifies() {
    let mut verified = 0;
    for (name, lines) in files("recordings") {
        for line in lines.lines() {
            let recorded: Value = serde_json::from_str(line).unwrap();
            let request = HttpRequest {
                method: text(&recorded, "/method"),
                target: text(&recorded, "/path"),
                headers: pairs(&recorded["headers"]),
                body: text(&recorded, "/body").as_bytes(),
            };
            let received = Received::read(&request).unwrap();
            received
                .verify(&Secret::from("testsecret"))
                .unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
            assert_eq!(received.version, VERSION);
            assert_eq!(received.params.get("AccessKeyId"), None);
            received
                .check_clock(received.date.parse().unwrap())
                .unwrap();
            verified += 1;
        }
    }
    assert_eq!(verified, 17);
}

fn credential(token: Option<&str>) -> Credential {
    Credential {
        access_key_id: "testid".to_owned(),
        access_key_secret: "testsecret".into(),
        security_token: token.map(Secret::from),
        provider: "static_ak",
    }
}

fn sign(scheme: Scheme, params: &Params, host: &str, token: Option<&str>) -> SignedCall {
    let call = ApiCall {
        action: "CreateImageCache",
        version: VERSION,
        params,
        host,
        user_agent: "imagecache/0",
        date: Timestamp::from_seconds(1_767_323_045),
        nonce: "nonce-1",
    };
    call.sign(scheme, &credential(token))
}

fn verify(request: &HttpRequest<'_>) -> Result<Received, String> {
    let received = Received::read(request).map_err(|refusal| refusal.to_string())?;
    // a server looks the secret up by the id
    let secret = match received.access_key_id.as_str() {
        "testid" => "testsecret",
        _ => return Err("InvalidAccessKeyId.NotFound".to_owned()),
    };
    match received.verify(&secret.into()) {
        Ok(()) => Ok(received),
        Err(refusal) => Err(refusal.to_string()),
    }
}

fn any_params() -> impl Strategy<Value = Params> {
    prop::collection::btree_map("[A-Za-z.1-9 +%&=*~/é镜]{1,12}", ".{0,12}", 0..8)
        .prop_map(Params::from_iter)
}

proptest! {
    #![proptest_config(crate::cases(200))]

    #[test]
    fn signature_signed_request_verifies(
        params in any_params(),
        host in "[a-z0-9./:-]{1,30}",
        token in prop::option::of("[A-Za-z0-9+/=]{1,40}"),
        v1 in any::<bool>(),
    ) {
        let scheme = if v1 { Scheme::V1 } else { Scheme::V3 };
        let sent = sign(scheme, &params, &host, token.as_deref());
        let received = verify(&sent.as_http()).unwrap();
        prop_assert_eq!(received.scheme, scheme);
        prop_assert_eq!(&received.action, "CreateImageCache");
        prop_assert_eq!(received.security_token.as_ref().map(Secret::expose), token.as_deref());
        let sorted = |params: &Params| {
            let mut sorted: Vec<(String, String)> =
                params.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            sorted.sort();
            sorted
        };
        prop_assert_eq!(sorted(&received.params), sorted(&params));
    }

    #[test]
    fn no_byte_can_be_changed_without_being_noticed(
        params in any_params(),
        place in any::<prop::sample::Index>(),
        byte in 0x21_u8..0x7f,
        v1 in any::<bool>(),
    ) {
        let scheme = if v1 { Scheme::V1 } else { Scheme::V3 };
        let sent = sign(scheme, &params, "eci.cn-hangzhou.aliyuncs.com", None);
        let original = Received::read(&sent.as_http()).unwrap();
        // V1 does not sign headers: only what it signs is tampered with
        let mut tampered = sent.clone();
        let fields = if v1 { 1 } else { 1 + tampered.headers.len() };
        let texts = std::iter::once(if v1 { &mut tampered.body } else { &mut tampered.target })
            .chain(tampered.headers.iter_mut().map(|(_, value)| value));
        let mut bytes: Vec<(usize, usize)> = Vec::new();
        let mut texts: Vec<&mut String> = texts.take(fields).collect();
        for (field, text) in texts.iter().enumerate() {
            bytes.extend((0..text.len()).map(|at| (field, at)));
        }
        let (field, at) = bytes[place.index(bytes.len())];
        let mut changed = texts[field].clone().into_bytes();
        prop_assume!(changed[at] != byte);
        changed[at] = byte;
        *texts[field] = String::from_utf8(changed).unwrap();
        drop(texts);
        let same = |a: &Received, b: &Received| {
            a.string_to_sign() == b.string_to_sign() && a.signature().eq_ignore_ascii_case(b.signature())
        };
        match verify(&tampered.as_http()) {
            Err(_) => {}
            // another spelling of the same request (`%2a` for `%2A`, `Signature=AB` for `ab`) changes nothing
            Ok(received) => prop_assert!(same(&received, &original)
                && received.access_key_id == original.access_key_id, "{tampered}"),
        }
    }

    #[test]
    fn hostile_requests_get_an_answer(
        method in "GET|POST|PUT",
        target in ".{0,60}",
        headers in prop::collection::vec(("[a-zA-Z-]{1,20}|authorization|x-acs-action", ".{0,40}|ACS3-HMAC-SHA256 .{0,40}"), 0..6),
        body in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let request = HttpRequest {
            method: &method,
            target: &target,
            headers: headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect(),
            body: &body,
        };
        prop_assert!(verify(&request).is_err());
    }
}

#[test]
fn every_byte_of_a_signature_counts() {
    let params = Params::from_iter([("RegionId", "cn-hangzhou")]);
    for scheme in [Scheme::V1, Scheme::V3] {
        let sent = sign(scheme, &params, "localhost", None);
        let signature = Received::read(&sent.as_http())
            .unwrap()
            .signature()
            .to_owned();
        for at in 0..signature.len() {
            let mut forged = signature.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            let forged = String::from_utf8(forged).unwrap();
            let mut sent = sent.clone();
            let encoded = |signature: &str| imagecache::eci::encoding::encode(signature);
            sent.body = sent.body.replace(&encoded(&signature), &encoded(&forged));
            for (_, value) in &mut sent.headers {
                *value = value.replace(&signature, &forged);
            }
            assert!(
                verify(&sent.as_http()).is_err(),
                "{scheme:?} byte {at} of {signature}"
            );
        }
        for cut in [0, 1, signature.len() - 2] {
            let mut sent = sent.clone();
            for (_, value) in &mut sent.headers {
                *value = value.replace(&signature, &signature[..cut]);
            }
            if scheme == Scheme::V3 {
                assert!(verify(&sent.as_http()).is_err());
            }
        }
    }
}

#[test]
fn signature_equivalent_encodings_verify() {
    let params = Params::from_iter([("Tag.1.Value", "a b*c")]);
    for scheme in [Scheme::V1, Scheme::V3] {
        let sent = sign(scheme, &params, "localhost:8080", None);
        for (from, to) in [("%20", "+"), ("%2A", "*"), ("%2A", "%2a")] {
            let mut other = sent.clone();
            other.target = other.target.replace(from, to);
            other.body = other.body.replace(from, to);
            assert_ne!(other, sent);
            let received = verify(&other.as_http()).unwrap();
            assert_eq!(received.params.get("Tag.1.Value"), Some("a b*c"));
        }
    }
}

#[test]
fn signature_covers_host_unchanged() {
    let params = Params::from_iter([("RegionId", "cn-hangzhou")]);
    for host in [
        "http://127.0.0.1:18110",
        "[::1]:8080",
        "ECI.cn-hangzhou.aliyuncs.com",
    ] {
        let sent = sign(Scheme::V3, &params, host, None);
        assert!(verify(&sent.as_http()).is_ok(), "{host}");
        let mut moved = sent.clone();
        moved.headers[1].1 = "127.0.0.1:18110".to_owned();
        assert!(verify(&moved.as_http()).is_err(), "{host}");
    }
}

#[test]
fn headers_are_folded_by_trimming_and_sorting_their_values() {
    let request = HttpRequest {
        method: "POST",
        target: "",
        headers: vec![
            ("X-Acs-B", " 2 "),
            ("x-acs-b", "\t1"),
            ("X-ACS-A", "inner  space"),
        ],
        body: b"",
    };
    let empty = v3::content_sha256(b"");
    assert_eq!(
        v3::canonical_request(&request, &["x-acs-a", "x-acs-b", "absent"]).unwrap(),
        format!(
            "POST\n/\n\nx-acs-a:inner  space\nx-acs-b:1,2\nabsent:\n\nx-acs-a;x-acs-b;absent\n{empty}"
        )
    );
}

#[test]
fn signature_missing_parts_are_refused() {
    let v1_body = |drop: &str, add: &str| {
        let params = Params::from_iter([("RegionId", "cn-hangzhou")]);
        let sent = sign(Scheme::V1, &params, "localhost", None);
        let mut body: Vec<&str> = sent.body.split('&').collect();
        body.retain(|pair| drop.is_empty() || !pair.starts_with(drop));
        body.push(add);
        body.join("&")
    };
    let code = |method: &str, headers: Vec<(&str, &str)>, body: &str| {
        let request = HttpRequest {
            method,
            target: "/",
            headers,
            body: body.as_bytes(),
        };
        Received::read(&request)
            .map(|received| received.verify(&"testsecret".into()))
            .map_or_else(
                |refusal| refusal.code.to_string(),
                |verdict| {
                    verdict
                        .err()
                        .map_or_else(String::new, |refusal| refusal.code.to_string())
                },
            )
    };
    let form = || {
        vec![(
            "Content-Type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )]
    };
    for (dropped, expected) in [
        ("", ""),
        ("AccessKeyId=", "MissingAccessKeyId"),
        ("Signature=", "MissingSignature"),
        ("SignatureNonce=", "MissingSignatureNonce"),
        ("SignatureMethod=", "MissingSignatureMethod"),
        ("Timestamp=", "MissingTimestamp"),
        ("Action=", "MissingAction"),
        ("Version=", "MissingVersion"),
        ("RegionId=", "SignatureDoesNotMatch"),
    ] {
        assert_eq!(
            code("POST", form(), &v1_body(dropped, "")),
            expected,
            "{dropped}"
        );
    }
    assert_eq!(
        code("PUT", form(), &v1_body("", "")),
        "UnsupportedHTTPMethod"
    );
    assert_eq!(
        code("GET", form(), &v1_body("", "")),
        "SignatureDoesNotMatch"
    );
    assert_eq!(
        code("POST", form(), &v1_body("", "Limit=%zz")),
        "InvalidParameter.Format"
    );
    assert_eq!(
        code(
            "POST",
            form(),
            &v1_body("SignatureMethod=", "SignatureMethod=HMAC-SM3")
        ),
        "InvalidSignatureMethod"
    );
    assert_eq!(
        code(
            "POST",
            vec![("authorization", "ACS3-RSA-SHA256 Credential=a")],
            ""
        ),
        "InvalidSignatureMethod"
    );

    let params = Params::from_iter([("RegionId", "cn-hangzhou")]);
    let v3 = sign(Scheme::V3, &params, "localhost", Some("token"));
    for dropped in v3.headers.iter().map(|(name, _)| *name) {
        let mut request = v3.as_http();
        request.headers.retain(|(name, _)| *name != dropped);
        let refusal = verify(&request).unwrap_err();
        assert!(
            refusal.starts_with(if dropped == "authorization" {
                "MissingAccessKeyId"
            } else {
                "SignatureDoesNotMatch"
            }),
            "{dropped}: {refusal}"
        );
    }
    let mut smuggled = v3.as_http();
    smuggled.headers.push(("x-acs-extra", "1"));
    assert!(verify(&smuggled).is_err());
    let mut body = v3.as_http();
    body.body = b"{}";
    assert!(verify(&body).is_err());
}

#[test]
fn signature_is_valid_for_fifteen_minutes() {
    let mut received =
        Received::read(&sign(Scheme::V3, &Params::new(), "localhost", None).as_http()).unwrap();
    let signed: Timestamp = received.date.parse().unwrap();
    for (offset, expected) in [
        (0, None),
        (900, None),
        (-900, None),
        (901, Some(ErrorCode::TimestampExpired)),
        (-901, Some(ErrorCode::TimestampExpired)),
        (i64::MAX, Some(ErrorCode::TimestampExpired)),
    ] {
        let refusal = received.check_clock(signed.plus(offset)).err();
        assert_eq!(refusal.map(|refusal| refusal.code), expected, "{offset}");
    }
    for date in [
        "2026-01-02T03:04:05+00:00",
        "2026-01-02 03:04:05Z",
        "now",
        "",
    ] {
        received.date = date.to_owned();
        assert_eq!(
            received.check_clock(signed).unwrap_err().code,
            ErrorCode::TimestampFormat
        );
    }
}

#[test]
fn the_form_of_the_answer_follows_format_or_accept() {
    let params = Params::from_iter([("Format", "xml")]);
    let v3 = sign(Scheme::V3, &params, "localhost", None);
    assert_eq!(
        Received::read(&v3.as_http()).unwrap().format,
        ReplyFormat::Xml
    );
    let v3 = sign(Scheme::V3, &Params::new(), "localhost", None);
    assert_eq!(
        Received::read(&v3.as_http()).unwrap().format,
        ReplyFormat::Json
    );
}

#[test]
fn request_debug_output_has_no_secret() {
    let params = Params::from_iter([
        ("ClientToken", "0001"),
        ("ImageCacheName", "demo"),
        ("ImageRegistryCredential.1.Password", "hunter2"),
        ("ImageRegistryCredential.1.UserName", "robot"),
        ("NextToken", "page-2"),
    ]);
    insta::assert_snapshot!(
        "v1_request",
        sign(
            Scheme::V1,
            &params,
            "eci.cn-hangzhou.aliyuncs.com",
            Some("sts-token")
        )
    );
    insta::assert_snapshot!(
        "v3_request",
        sign(
            Scheme::V3,
            &params,
            "eci.cn-hangzhou.aliyuncs.com",
            Some("sts-token")
        )
    );
    let sent = sign(Scheme::V1, &params, "localhost", Some("sts-token"));
    let received = Received::read(&sent.as_http()).unwrap();
    let shown = format!(
        "{sent} {sent:?} {params:?} {:?} {:?} {}",
        received.security_token,
        received.params,
        received.verify(&"other".into()).unwrap_err()
    );
    for secret in ["hunter2", "sts-token", received.signature()] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn signature_mismatch_shows_what_was_signed_without_secrets() {
    let shown = |scheme, params: &[(&str, &str)], token| {
        let params = params.iter().copied().collect::<Params>();
        let sent = sign(scheme, &params, "localhost", token);
        let received = Received::read(&sent.as_http()).unwrap();
        let refusal = received.verify(&"guessed".into()).unwrap_err();
        let signed = received.string_to_sign().to_owned();
        (refusal.message.contains(&signed), refusal.message.clone())
    };
    let region = ("RegionId", "cn-hangzhou");
    let password = ("ImageRegistryCredential.1.Password", "hunter2");
    for scheme in [Scheme::V1, Scheme::V3] {
        assert!(shown(scheme, &[region], None).0);
        for (params, token) in [
            (vec![region, password], None),
            (vec![region], Some("hunter2")),
        ] {
            let (whole, message) = shown(scheme, &params, token);
            assert!(!message.contains("hunter2"), "{message}");
            assert_eq!(whole, scheme == Scheme::V3);
        }
    }
}
