//! What [`crate::random`] draws from: values that are right, nearly right, and such as people write by mistake.

pub(crate) const IMAGES: &[&str] = &[
    "nginx:1.27",
    "redis:7.2",
    "docker.io/library/nginx:1.27",
    "index.docker.io/nginx:1.27",
    "registry.example.com/shop/web:1.0",
    "registry.example.com/shop/web:1.1",
    "registry.example.com/shop/cart:2.0",
    "ghcr.io/team/tool:v3",
    "localhost/app:1",
    "harbor.example.com:5000/a/b:1",
    "team/app:1",
    "docker.io/team/app:1",
    "[2001:db8::1]:5000/a/b:1",
    "nginx@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "nginx:latest@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "Registry.example.com/a/b:1",
];
/// Few enough that pods and caches meet.
pub(crate) const POPULAR: &[&str] = &[
    "nginx:1.27",
    "docker.io/library/nginx:1.27",
    "redis:7.2",
    "registry.example.com/shop/web:1.0",
    "registry.example.com/shop/web:1.1",
];
pub(crate) const DOUBTFUL_IMAGES: &[&str] = &[
    "nginx",
    "nginx:latest",
    "docker.io/nginx",
    "registry.example.com:443/a",
    "",
    "NGINX:1",
    "nginx::1",
    "nginx:1 ",
    "https://registry.example.com/a:1",
    "registry.example.com/Team/app:1",
    "a//b:1",
    "-a:1",
    "a:-1",
    "nginx@sha256:abc",
    "nginx@md5:d41d8cd98f00b204e9800998ecf8427e",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "nginx:${VERSION}",
    "my_registry/app:1",
    "a__b/c---d/e.f:1",
    "a___b:1",
    "café:1",
];
pub(crate) const SECRETS: &[&str] = &[
    "default:pull",
    "shop:registry.key",
    "kube-system:a-b",
    "team:x1",
];
pub(crate) const DOUBTFUL_SECRETS: &[&str] = &[
    "pull",
    "default/pull",
    "default:pull:x",
    "Default:pull",
    "default:Pull",
    "default:a..b",
    "default:a.-b.C",
    "default:-a",
    "-default:a",
    "default-:a",
    ":a",
    "default:",
    "",
    " default:a",
    "de fault:a",
    "default: a",
    "a.b:c",
    "default:a_b",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:a",
];

/// Known annotations of image caches with good and bad values.
pub(crate) const ON_CACHES: &[(&str, &[&str])] = &[
    (
        "vswitch-ids",
        &[
            "vsw-a",
            "vsw-a,vsw-b",
            "vsw-a, vsw-b",
            "sw-a",
            "",
            "vsw-a,,vsw-b",
            "vsw-",
            "vsw-1,vsw-2,vsw-3,vsw-4,vsw-5,vsw-6,vsw-7,vsw-8,vsw-9,vsw-10,vsw-11",
        ],
    ),
    (
        "security-group-id",
        &["sg-a", "sg-a,sg-b", "sg_a", "", "sg-a b"],
    ),
    ("resource-group-id", &["rg-a", "rg", "rg-ä"]),
    (
        "imc-cpu-arch",
        &["amd64", "arm64", "AMD64", "x86_64", "amd64,arm64", ""],
    ),
    ("imc-os-type", &["linux", "windows", "Windows", " linux"]),
    ("imc-enable-reuse", &["true", "False", "yes", "1", ""]),
    ("auto-match-imagecache", &["true", "on"]),
    ("imc-enable-flash", &["true", "TRUE", "maybe", "true,false"]),
];
/// Known annotations of pods.
pub(crate) const ON_PODS: &[(&str, &[&str])] = &[
    (
        "eci-imc-id",
        &["imc-2zeabc", "imc-", "my cache", "imc-a,imc-b", ""],
    ),
    ("eci-image-snapshot-id", &["imc-2zeold", "s-1"]),
    ("eci-auto-imc", &["true", "false", "True", "no", ""]),
    ("eci-image-cache", &["true", "false", "1"]),
    ("imc-perfect-match", &["true", "false", "perfect"]),
    (
        "imc-match-count-request",
        &["1", "2", "0", "9", "two", "-1", "1,2"],
    ),
    ("eci-matched-image-cache", &["imc-2zedone", "none"]),
    (
        "eci-extra-ephemeral-storage",
        &["50Gi", "1.5G", "50 Gi", "50GiB", "-1Gi", "1e3", ".5Ti", "."],
    ),
];
/// Known annotations of both.
pub(crate) const ON_BOTH: &[(&str, &[&str])] = &[
    (
        "acr-instance-ids",
        &[
            "cri-a",
            "cn-beijing:cri-a,cri-b",
            "CN:cri-a",
            "team",
            "cri-a,",
        ],
    ),
    (
        "acr-service-arns",
        &[
            "acs:ram::1234567890123456:role/a",
            "acs:ram::x:role/a",
            "role/a",
            "acs:ram::1:role/",
        ],
    ),
    (
        "acr-user-arns",
        &[
            "acs:ram::1:role/a,acs:ram::2:role/b@c",
            "acs:ram::1:role/a b",
        ],
    ),
    (
        "plain-http-registry",
        &[
            "registry.example.com",
            "192.0.2.10:5000,a",
            "http://a",
            "a/b",
            "a:0",
            "a:70000",
            "a,,b",
            "-a",
            "[::1]:80",
            "",
        ],
    ),
    (
        "insecure-registry",
        &["a.b:443", "a b", "a:x", "a:", "*.example.com"],
    ),
];
