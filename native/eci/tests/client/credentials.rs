use std::sync::Arc;

use imagecache::eci::request::ListUsage;
use imagecache::eci::signature::Credential;
use imagecache::time::Timestamp;
use imagecache_eci::{Client, Config, Credentials, ProcessEnvironment};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::loopback::{Reply, Seen, Server, Still, ok, refusal};

fn variables(pairs: &[(&str, &str)]) -> ProcessEnvironment {
    let own = |(name, value): &(&str, &str)| (format!("ALIBABA_CLOUD_{name}"), (*value).to_owned());
    ProcessEnvironment {
        variables: pairs.iter().map(own).collect(),
        // a closed port
        instance: "http://127.0.0.1:1".to_owned(),
        ..ProcessEnvironment::default()
    }
}

/// A home directory with these files.
fn home(files: &[(&str, &str)]) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    home
}

fn at_home(setting: ProcessEnvironment, home: &TempDir) -> ProcessEnvironment {
    ProcessEnvironment {
        home: Some(home.path().to_owned()),
        ..setting
    }
}

fn temporary(id: &str, seconds: i64) -> Value {
    let ends = Timestamp::from_seconds(1_767_323_045 + seconds);
    json!({
        "Code": "Success", "AccessKeyId": id, "AccessKeySecret": format!("secret of {id}"),
        "SecurityToken": format!("token of {id}"), "Expiration": ends.to_string(),
    })
}

fn assumed(id: &str) -> Reply {
    ok(json!({"RequestId": "R", "Credentials": temporary(id, 3600)}))
}

fn chain(setting: ProcessEnvironment) -> Credentials {
    Credentials::chain(setting).with_environment(Still::new())
}

fn told(credential: &Credential) -> (&str, &str, Option<&str>, &str) {
    (
        &credential.access_key_id,
        credential.access_key_secret.expose(),
        credential
            .security_token
            .as_ref()
            .map(|token| token.expose()),
        credential.provider,
    )
}

#[tokio::test]
async fn the_environment_comes_first() {
    let key = [
        ("ACCESS_KEY_ID", "id"),
        ("ACCESS_KEY_SECRET", "key"),
        ("ROLE_ARN", "r"),
    ];
    let credential = chain(variables(&key)).current().await.unwrap();
    assert_eq!(told(&credential), ("id", "key", None, "static_ak"));
    let token = [&key[..], &[("SECURITY_TOKEN", "tok")]].concat();
    let credential = chain(variables(&token)).current().await.unwrap();
    assert_eq!(told(&credential), ("id", "key", Some("tok"), "static_sts"));
}

#[tokio::test]
async fn without_credentials_every_source_says_why() {
    let home = home(&[
        (
            ".aliyun/config.json",
            r#"{"current": "sso", "profiles": [{"name": "sso", "mode": "CloudSSO"}]}"#,
        ),
        (
            ".alibabacloud/credentials.ini",
            "[other]\ntype = access_key\n",
        ),
    ]);
    let setting = at_home(
        variables(&[("ACCESS_KEY_ID", "id"), ("ROLE_ARN", "r")]),
        &home,
    );
    let error = chain(setting).current().await.unwrap_err().to_string();
    let shown = error
        .replace(home.path().to_str().unwrap(), "HOME")
        .replace(" (os error 111)", "");
    insta::assert_snapshot!(shown, @r"
    no credentials
      environment: ALIBABA_CLOUD_ACCESS_KEY_SECRET is not set
      OIDC: ALIBABA_CLOUD_OIDC_PROVIDER_ARN is not set
      profile of the aliyun command: profile `sso`: its mode CloudSSO is not supported here
      ini file: HOME/.alibabacloud/credentials.ini: no section [default]
      role of the instance: http://127.0.0.1:1: client error (Connect): tcp connect error: Connection refused
      URI: ALIBABA_CLOUD_CREDENTIALS_URI is not set
    ");
}

#[tokio::test]
async fn oidc_token_gets_a_role_without_signature() {
    let server = Server::script(vec![assumed("STS.oidc")]).await;
    let home = home(&[("token", "jwt.of.the.pod\n")]);
    let token = home.path().join("token");
    let mut setting = variables(&[
        ("ROLE_ARN", "acs:ram::1:role/pod"),
        ("OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/ack"),
        ("OIDC_TOKEN_FILE", token.to_str().unwrap()),
        ("ROLE_SESSION_NAME", "me"),
    ]);
    setting.sts = Some(server.address.parse().unwrap());
    let credential = chain(setting.clone()).current().await.unwrap();
    assert_eq!(
        told(&credential),
        (
            "STS.oidc",
            "secret of STS.oidc",
            Some("token of STS.oidc"),
            "oidc_role_arn"
        )
    );
    let seen = server.seen();
    assert_eq!(
        (seen[0].method.as_str(), seen[0].target.as_str()),
        ("POST", "/")
    );
    for part in [
        "Action=AssumeRoleWithOIDC",
        "Version=2015-04-01",
        "OIDCToken=jwt.of.the.pod",
        "RoleSessionName=me",
        "DurationSeconds=3600",
        "RoleArn=acs%3Aram%3A%3A1%3Arole%2Fpod",
    ] {
        assert!(seen[0].body.split('&').any(|pair| pair == part), "{part}");
    }
    assert!(!seen[0].body.contains("Signature="));
    // the error of the token service is reported without the token
    let server = Server::script(vec![refusal(400, "AuthenticationFail.OIDCToken.Expired")]).await;
    setting.sts = Some(server.address.parse().unwrap());
    let error = chain(setting).current().await.unwrap_err().to_string();
    assert!(
        error.contains("AuthenticationFail.OIDCToken.Expired"),
        "{error}"
    );
    assert!(!error.contains("jwt"), "{error}");
}

const PROFILES: &str = r#"{
    "current": "key",
    "profiles": [
        {"name": "key", "mode": "AK", "access_key_id": "id", "access_key_secret": "key", "region_id": "cn-beijing", "language": "en"},
        {"name": "token", "mode": "StsToken", "access_key_id": "id", "access_key_secret": "key", "sts_token": "tok"},
        {"name": "role", "mode": "RamRoleArn", "access_key_id": "id", "access_key_secret": "testsecret", "ram_role_arn": "acs:ram::1:role/a", "ram_session_name": "s", "expired_seconds": 900},
        {"name": "chained", "mode": "ChainableRamRoleArn", "source_profile": "role", "ram_role_arn": "acs:ram::1:role/b"},
        {"name": "circle", "mode": "ChainableRamRoleArn", "source_profile": "circle", "ram_role_arn": "acs:ram::1:role/b"},
        {"name": "instance", "mode": "EcsRamRole", "ram_role_name": "my role"},
        {"name": "external", "mode": "External", "process_command": "echo"},
        {"name": "empty", "mode": "AK"}
    ]
}"#;

#[tokio::test]
async fn profiles_of_the_aliyun_command_are_read() {
    let home = home(&[(".aliyun/config.json", PROFILES)]);
    let server = Server::start(|at, _| assumed(&format!("STS.{at}"))).await;
    let setting = ProcessEnvironment {
        sts: Some(server.address.parse().unwrap()),
        ..at_home(variables(&[]), &home)
    };
    let get = async |name: &str| {
        let credentials =
            Credentials::profile(name, setting.clone()).with_environment(Still::new());
        credentials.current().await
    };
    let current = chain(setting.clone()).current().await.unwrap();
    assert_eq!(told(&current), ("id", "key", None, "static_ak"));
    assert_eq!(
        told(&get("token").await.unwrap()),
        ("id", "key", Some("tok"), "static_sts")
    );
    let role = get("role").await.unwrap();
    assert_eq!(
        (role.access_key_id.as_str(), role.provider),
        ("STS.0", "ram_role_arn")
    );
    let received = server.seen()[0].received().unwrap();
    received.verify(&"testsecret".into()).unwrap();
    assert_eq!(
        (received.action.as_str(), received.version.as_str()),
        ("AssumeRole", "2015-04-01")
    );
    assert_eq!(received.params.get("RoleSessionName"), Some("s"));
    // the second role is asked for with the first one's key and token
    assert_eq!(get("chained").await.unwrap().access_key_id, "STS.2");
    let received = server.seen()[2].received().unwrap();
    received.verify(&"secret of STS.1".into()).unwrap();
    assert_eq!(received.security_token, Some("token of STS.1".into()));

    for (name, fact) in [
        ("circle", "too many profiles in a row"),
        ("external", "its mode External is not supported here"),
        ("empty", "it has no access_key_id"),
        ("none", "no profile `none`"),
    ] {
        let error = get(name).await.unwrap_err().to_string();
        assert!(error.contains(fact), "{error}");
    }
    assert_eq!(setting.region(None).as_deref(), Some("cn-beijing"));
    assert_eq!(setting.region(Some("role")), None);
    let named = ProcessEnvironment {
        home: setting.home.clone(),
        ..variables(&[("PROFILE", "token"), ("REGION_ID", "cn-shanghai")])
    };
    assert_eq!(
        chain(named.clone()).current().await.unwrap().provider,
        "static_sts"
    );
    assert_eq!(named.region(None).as_deref(), Some("cn-shanghai"));
    let off = at_home(variables(&[("CLI_PROFILE_DISABLED", "True")]), &home);
    assert!(chain(off).current().await.is_err());
}

#[tokio::test]
async fn broken_profile_is_reported_without_its_content() {
    for text in [
        r#"{"profiles": "hunter2"}"#,
        r#"{"profiles": [{"name": {"hunter2": 1}}]}"#,
        "hunter2",
    ] {
        let home = home(&[(".aliyun/config.json", text)]);
        let setting = at_home(variables(&[]), &home);
        let error = chain(setting).current().await.unwrap_err().to_string();
        assert!(
            error.contains("config.json is not of the expected form, line 1"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn sections_of_an_ini_file_are_read() {
    let text = "\
[default]
enable = true
type = access_key
access_key_id = id
access_key_secret = key=with=equals
[off]
enable = false
type = access_key
[role]
type = ram_role_arn
access_key_id = id
access_key_secret = testsecret
role_arn = acs:ram::1:role/a
role_session_name = s
[pair]
type = rsa_key_pair
";
    let home = home(&[
        (".alibabacloud/credentials.ini", text),
        (
            "mine.ini",
            "[default]\ntype=access_key\naccess_key_id=other\naccess_key_secret=x\n",
        ),
    ]);
    let server = Server::script(vec![assumed("STS.ini")]).await;
    let setting = ProcessEnvironment {
        sts: Some(server.address.parse().unwrap()),
        ..at_home(variables(&[]), &home)
    };
    let get = async |name: &str| {
        Credentials::profile(name, setting.clone())
            .with_environment(Still::new())
            .current()
            .await
    };
    let credential = chain(setting.clone()).current().await.unwrap();
    assert_eq!(
        told(&credential),
        ("id", "key=with=equals", None, "static_ak")
    );
    assert_eq!(get("role").await.unwrap().access_key_id, "STS.ini");
    server.seen()[0]
        .received()
        .unwrap()
        .verify(&"testsecret".into())
        .unwrap();
    for (name, fact) in [
        ("off", "it is not enabled"),
        (
            "pair",
            "its type is not supported, expected one of access_key, sts",
        ),
        ("none", "no section [none]"),
    ] {
        let error = get(name).await.unwrap_err().to_string();
        assert!(error.contains(fact), "{error}");
    }
    let path = home.path().join("mine.ini");
    let mine = variables(&[("CREDENTIALS_FILE", path.to_str().unwrap())]);
    assert_eq!(chain(mine).current().await.unwrap().access_key_id, "other");
}

const ROLES: &str = "/latest/meta-data/ram/security-credentials/";

/// The metadata of an instance with the role `worker`.
fn metadata(request: &Seen) -> Reply {
    let text = |text: &str| Reply::Answer(200, vec![], text.into());
    match (request.method.as_str(), request.target.as_str()) {
        ("PUT", "/latest/api/token") => {
            let life = request.header("X-aliyun-ecs-metadata-token-ttl-seconds");
            assert_eq!(life, Some("21600"));
            text("metadata-token")
        }
        ("GET", ROLES) => text("worker\n"),
        ("GET", path) if path == format!("{ROLES}worker") => ok(temporary("STS.worker", 21_600)),
        _ => Reply::Answer(404, vec![], String::new()),
    }
}

fn on_instance(server: &Server, pairs: &[(&str, &str)]) -> ProcessEnvironment {
    ProcessEnvironment {
        instance: server.address.clone(),
        ..variables(pairs)
    }
}

#[tokio::test]
async fn an_instance_gives_its_role() {
    let server = Server::start(|_, request| metadata(request)).await;
    let credential = chain(on_instance(&server, &[])).current().await.unwrap();
    assert_eq!(
        told(&credential),
        (
            "STS.worker",
            "secret of STS.worker",
            Some("token of STS.worker"),
            "ecs_ram_role"
        )
    );
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    for request in &seen[1..] {
        assert_eq!(
            request.header("x-aliyun-ecs-metadata-token"),
            Some("metadata-token")
        );
    }
    let named = on_instance(&server, &[("ECS_METADATA", "worker")]);
    chain(named).current().await.unwrap();
    assert_eq!(server.seen().len(), 5);
    let off = on_instance(&server, &[("ECS_METADATA_DISABLED", "true")]);
    assert!(chain(off).current().await.is_err());
    assert_eq!(server.seen().len(), 5);
}

#[tokio::test]
async fn instance_without_token_is_used_unless_forbidden() {
    let server = Server::start(|_, request| match request.method.as_str() {
        "PUT" => Reply::Answer(405, vec![], String::new()),
        _ => {
            assert_eq!(request.header("x-aliyun-ecs-metadata-token"), None);
            metadata(request)
        }
    })
    .await;
    let credential = chain(on_instance(&server, &[])).current().await.unwrap();
    assert_eq!(credential.access_key_id, "STS.worker");
    let strict = on_instance(&server, &[("IMDSV1_DISABLED", "true")]);
    let error = chain(strict).current().await.unwrap_err().to_string();
    assert!(
        error.contains("/latest/api/token: HTTP status 405"),
        "{error}"
    );
}

#[tokio::test]
async fn a_uri_gives_a_credential() {
    let server = Server::script(vec![ok(temporary("STS.uri", 3600))]).await;
    let uri = format!("{}/secret-path", server.address);
    let credential = chain(variables(&[("CREDENTIALS_URI", &uri)]))
        .current()
        .await
        .unwrap();
    assert_eq!(credential.provider, "credential_uri");
    assert_eq!(server.seen()[0].target, "/secret-path");
    for (reply, fact) in [
        (
            ok(json!({"Code": "Failed"})),
            "its response has a code other than `Success`",
        ),
        (
            ok(json!({"Code": "Success", "AccessKeyId": 7})),
            "its response is not of the expected form",
        ),
        (Reply::Answer(500, vec![], String::new()), "HTTP status 500"),
        (Reply::Close, "connection"),
    ] {
        let server = Server::script(vec![reply]).await;
        let uri = format!("{}/secret-path", server.address);
        let error = chain(variables(&[("CREDENTIALS_URI", &uri)]))
            .current()
            .await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(fact), "{error}");
        assert!(!error.contains("secret-path"), "{error}");
    }
    let error = chain(variables(&[("CREDENTIALS_URI", "nowhere")]))
        .current()
        .await;
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("it is not an http:// or https:// address")
    );
}

/// A server whose n-th credential is `STS.n` and holds for an hour from when the clock says.
async fn issuing(nature: &Arc<Still>, broken_from: usize) -> Server {
    let nature = nature.clone();
    Server::start(move |at, _| {
        let passed = *nature.date.lock().unwrap() - 1_767_323_045;
        if at >= broken_from {
            return Reply::Answer(500, vec![], String::new());
        }
        ok(temporary(&format!("STS.{at}"), passed + 3600))
    })
    .await
}

#[tokio::test]
async fn credentials_are_renewed_before_they_end() {
    let nature = Still::new();
    let server = issuing(&nature, usize::MAX).await;
    let setting = variables(&[("CREDENTIALS_URI", &server.address)]);
    let credentials = Credentials::chain(setting).with_environment(nature.clone());
    let id = async || credentials.current().await.unwrap().access_key_id.clone();
    assert_eq!(id().await, "STS.0");
    nature.pass(3600 - 15 * 60 - 1);
    assert_eq!(id().await, "STS.0");
    nature.pass(1);
    assert_eq!(id().await, "STS.1");
    assert_eq!(id().await, "STS.1");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn failed_renewal_keeps_the_valid_credential() {
    let nature = Still::new();
    let server = issuing(&nature, 1).await;
    let setting = variables(&[("CREDENTIALS_URI", &server.address)]);
    let credentials = Credentials::chain(setting).with_environment(nature.clone());
    credentials.current().await.unwrap();
    nature.pass(3600 - 15 * 60);
    for _ in 0..3 {
        assert_eq!(credentials.current().await.unwrap().access_key_id, "STS.0");
    }
    assert_eq!(server.seen().len(), 2, "one renewal a minute");
    nature.pass(15 * 60);
    let error = credentials.current().await.unwrap_err();
    assert_eq!(error.tried[0], ("URI", "HTTP status 500".to_owned()));
}

/// An instance with the role `worker`, and a URI that has another account's credential.
async fn two_accounts(
    nature: &Arc<Still>,
    broken: Arc<std::sync::atomic::AtomicBool>,
) -> (Server, Server, Credentials) {
    let instance = Server::start(move |_, request| {
        if broken.load(std::sync::atomic::Ordering::SeqCst) {
            return Reply::Answer(500, vec![], String::new());
        }
        metadata(request)
    })
    .await;
    let other = Server::start(|_, _| ok(temporary("STS.other", 1_000_000))).await;
    let setting = on_instance(&instance, &[("CREDENTIALS_URI", &other.address)]);
    let credentials = Credentials::chain(setting).with_environment(nature.clone());
    (instance, other, credentials)
}

#[tokio::test]
async fn credentials_renewal_fails_no_other_source_asked() {
    let nature = Still::new();
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (_instance, other, credentials) = two_accounts(&nature, broken.clone()).await;
    let first = credentials.current().await.unwrap();
    assert_eq!(first.access_key_id, "STS.worker");
    broken.store(true, std::sync::atomic::Ordering::SeqCst);
    nature.pass(21_600);
    let error = credentials.current().await.unwrap_err();
    let names: Vec<_> = error.tried.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["role of the instance"]);
    assert_eq!(other.seen().len(), 0);
}

#[tokio::test]
async fn credentials_first_source_down_at_start_next_used() {
    let nature = Still::new();
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (instance, _other, credentials) = two_accounts(&nature, broken.clone()).await;
    let first = credentials.current().await.unwrap();
    assert_eq!(first.access_key_id, "STS.other");
    broken.store(false, std::sync::atomic::Ordering::SeqCst);
    let asked = instance.seen().len();
    nature.pass(1_000_000 - 60);
    assert_eq!(
        credentials.current().await.unwrap().access_key_id,
        "STS.other"
    );
    assert_eq!(instance.seen().len(), asked, "it stays with its source");
}

#[tokio::test]
async fn credentials_refused_as_expired_same_source_asked() {
    let nature = Still::new();
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (_instance, other, credentials) = two_accounts(&nature, broken.clone()).await;
    let server = Server::start(|_, _| refusal(400, "InvalidSecurityToken.Expired")).await;
    let config = Config {
        environment: nature,
        ..Config::new(server.address.parse().unwrap())
    };
    let client = Client::new(config, credentials).unwrap();
    assert!(client.call(&ListUsage::default()).await.is_err());
    broken.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(client.call(&ListUsage::default()).await.is_err());
    assert_eq!(other.seen().len(), 0);
}

#[tokio::test]
async fn credential_refused_as_expired_is_replaced() {
    let nature = Still::new();
    let keys = issuing(&nature, usize::MAX).await;
    let server = Server::start(|_, request| {
        let received = request.received().unwrap();
        match received.access_key_id.as_str() {
            "STS.0" => refusal(400, "InvalidSecurityToken.Expired"),
            _ => ok(json!({"Attributes": {}})),
        }
    })
    .await;
    let setting = variables(&[("CREDENTIALS_URI", &keys.address)]);
    let credentials = Credentials::chain(setting).with_environment(nature.clone());
    let config = Config {
        environment: nature,
        ..Config::new(server.address.parse().unwrap())
    };
    let client = Client::new(config, credentials).unwrap();
    client.call(&ListUsage::default()).await.unwrap();
    let last = server.seen()[1].received().unwrap();
    last.verify(&"secret of STS.1".into()).unwrap();
    assert_eq!(
        server.seen()[1].header("x-acs-credentials-provider"),
        Some("credential_uri")
    );
}

#[tokio::test]
async fn settings_and_credentials_show_no_secret() {
    let setting = variables(&[
        ("ACCESS_KEY_ID", "id"),
        ("ACCESS_KEY_SECRET", "hunter2"),
        ("SECURITY_TOKEN", "tok-1"),
    ]);
    let credentials = chain(setting.clone());
    let credential = credentials.current().await.unwrap();
    let shown = format!("{setting:?} {credentials:?} {credential:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("tok-1"),
        "{shown}"
    );
}
