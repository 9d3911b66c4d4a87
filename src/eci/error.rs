//! What went wrong: the codes of ECI and of the gateway before it, and whether another try can help.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $code:literal $status:literal;)*) => {
        /// An error code. Unknown ones are kept as they came.
        ///
        /// ```
        /// use imagecache::eci::error::ErrorCode;
        /// assert_eq!(ErrorCode::from("QuotaExceeded"), ErrorCode::QuotaExceeded);
        /// assert_eq!(ErrorCode::from("MissingImageCacheName"), ErrorCode::Missing("ImageCacheName".to_owned()));
        /// assert_eq!(ErrorCode::from("Brand.New").to_string(), "Brand.New");
        /// ```
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
            /// `Missing<Parameter>`: the parameter of this name is mandatory.
            Missing(String),
            /// A code that no document names.
            Other(String),
        }

        impl ErrorCode {
            /// Every code that has a name here.
            pub const KNOWN: &[ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The code on the wire, without the name of a missing parameter.
            fn base(&self) -> &str {
                match self {
                    $(ErrorCode::$variant => $code,)*
                    ErrorCode::Missing(_) => "Missing",
                    ErrorCode::Other(code) => code,
                }
            }

            /// The HTTP status that documents give this code; unknown codes have none.
            #[must_use]
            pub fn status(&self) -> Option<u16> {
                match self {
                    $(ErrorCode::$variant => Some($status),)*
                    ErrorCode::Missing(_) => Some(400),
                    ErrorCode::Other(_) => None,
                }
            }
        }

        impl From<&str> for ErrorCode {
            fn from(code: &str) -> Self {
                match code {
                    $($code => ErrorCode::$variant,)*
                    other => match other.strip_prefix("Missing") {
                        Some(name) if !name.is_empty() => ErrorCode::Missing(name.to_owned()),
                        _ => ErrorCode::Other(other.to_owned()),
                    },
                }
            }
        }
    };
}

codes! {
    /// The account owes money.
    AccountArrearage "Account.Arrearage" 400;
    /// A dry run passed.
    DryRunOperation "DryRunOperation" 400;
    /// No instance has this CPU and memory.
    InvalidParameterCpuMemory "InvalidParameter.CPU.Memory" 400;
    /// The object is in a state that does not allow this.
    IncorrectStatus "IncorrectStatus" 400;
    /// ECI is not activated for this account.
    ServiceNotEnabled "ServiceNotEnabled" 400;
    /// This kind of volume is not supported.
    DiskVolumeNotSupport "DiskVolume.NotSupport" 400;
    /// RAM roles are not supported here.
    RamRoleNotSupport "RamRole.NotSupport" 400;
    /// The cache is neither `Ready` nor `UpdateFailed`, so it cannot be updated.
    ImageCacheIncorrectStatus "ImageCache.IncorrectStatus" 400;
    /// Image caches are not available to this account.
    ImageCacheNotSupport "ImageCacheNotSupport" 400;
    /// The pool of elastic addresses is empty.
    EipAddressPoolIpNotEnough "EipAddressPoolIpNotEnough" 400;
    /// An earlier request about the same object is still running.
    OperationConflict "OperationConflict" 400;
    /// An update that changes nothing.
    NoNeedUpdate "NoNeedUpdate" 400;
    /// No cache has this id. Not documented: what updating an unknown cache says.
    InvalidImageCacheNotFound "InvalidImageCache.NotFound" 404;
    /// vSwitch and zone do not fit.
    VswZoneMismatch "OperationDenied.VswZoneMisMatch" 403;
    /// Security group and vSwitch are in different networks.
    SecurityGroupMismatch "OperationDenied.SecurityGroupMisMatch" 403;
    /// No machine is left for the builder.
    NoStock "OperationDenied.NoStock" 403;
    /// A quota of the account is used up.
    QuotaExceeded "QuotaExceeded" 403;
    /// Not sold in this zone.
    ZoneNotOnSale "Zone.NotOnSale" 403;
    /// Refused by risk control.
    ForbiddenRiskControl "Forbidden.RiskControl" 403;
    /// The RAM user may not do this.
    ForbiddenSubUser "Forbidden.SubUser" 403;
    /// Only for invited accounts.
    ForbiddenOnlyForInvitedTest "Forbidden.OnlyForInvitedTest" 403;
    /// The account's business state forbids this.
    ForbiddenUserBusinessStatus "Forbidden.UserBussinessStatus" 403;
    /// The account has not proved a real name.
    ForbiddenNotRealName "Forbidden.UserNotRealNameAuthentication" 403;
    /// The vSwitch has no address left.
    VSwitchIpNotEnough "InvalidVSwitchId.IpNotEnough" 403;
    /// The user may not pass this role on.
    PassRoleForbidden "InvalidUser.PassRoleForbidden" 403;
    /// The RAM user may not do this.
    NoPermission "NoPermission" 403;
    /// A second proof of identity is wanted.
    SecurityRisk3dVerification "SecurityRisk.3DVerification" 403;
    /// The service-linked role could not be created.
    CreateServiceLinkedRoleDenied "CreateServiceLinkedRole.Denied" 403;
    /// A feature that is not open to this account.
    FeatureAccessRestricted "FeatureAccessRestricted" 403;
    /// The operation is switched off for now.
    DegradeApi "Degrade.Api" 400;
    /// The registry's authorization failed.
    ContainerRepositoryAuthorizationFailed "containerRepositoryAuthorizationFailed" 503;
    /// A container group names a cache that does not exist.
    ImageSnapshotNotFound "ImageSnapshot.NotFound" 404;
    /// A container group names a cache that is not ready.
    ImageSnapshotIncorrectStatus "ImageSnapshot.IncorrectStatus" 400;
    /// A container group that cannot use this cache.
    ImageSnapshotNotSupport "ImageSnapshot.NotSupport" 400;
    /// Job instances cannot use image caches.
    JobInstanceImageCacheNotSupport "JobInstanceImageCacheNotSupport" 400;
    /// Tags: not allowed.
    NoPermissionTag "NoPermission.Tag" 403;
    /// Tags: too many.
    NumberExceedTags "NumberExceed.Tags" 400;
    /// A parameter has the wrong form.
    InvalidParameterFormat "InvalidParameter.Format" 400;
    /// The access key is switched off.
    AccessKeyInactive "InvalidAccessKeyId.Inactive" 400;
    /// No such access key.
    AccessKeyNotFound "InvalidAccessKeyId.NotFound" 404;
    /// The date of the request is not a valid time.
    TimestampFormat "InvalidTimeStamp.Format" 400;
    /// The date of the request is more than 15 minutes off.
    TimestampExpired "InvalidTimeStamp.Expired" 400;
    /// The nonce was there before.
    NonceUsed "SignatureNonceUsed" 400;
    /// The signature is wrong. Documents give 400 and 403; 400 is used here.
    SignatureMismatch "SignatureDoesNotMatch" 400;
    /// An unknown signature method.
    InvalidSignatureMethod "InvalidSignatureMethod" 400;
    /// The temporary credentials have ended.
    SecurityTokenExpired "InvalidSecurityToken.Expired" 400;
    /// Neither GET nor POST.
    UnsupportedHttpMethod "UnsupportedHTTPMethod" 400;
    /// Too many requests.
    Throttling "Throttling" 400;
    /// Too many requests of this user.
    ThrottlingUser "Throttling.User" 400;
    /// Too many requests for this operation.
    ThrottlingApi "Throttling.Api" 400;
    /// The vCPUs of this day are used up.
    ThrottlingVcpuPerDay "Throttling.Vcpu.PerDay" 403;
    /// A `ClientToken` was used before with other parameters.
    IdempotentParameterMismatch "IdempotentParameterMismatch" 400;
    /// No such API.
    InvalidApiNotFound "InvalidApi.NotFound" 404;
    /// No such operation.
    InvalidActionNotFound "InvalidAction.NotFound" 404;
    /// The service failed.
    InternalError "InternalError" 500;
    /// The service is not available.
    ServiceUnavailable "ServiceUnavailable" 503;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base())?;
        match self {
            ErrorCode::Missing(name) => f.write_str(name),
            _ => Ok(()),
        }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|code| ErrorCode::from(code.as_str()))
    }
}

/// Whether the same call is worth another try. Every try needs a fresh nonce, date and signature, and the same
/// `ClientToken`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The answer will not change.
    Never,
    /// After at least this long.
    After(Duration),
    /// With new credentials: these have ended.
    WithNewCredentials,
}

/// How long to wait after throttling that names no time. Rates are not published.
pub const THROTTLING_PAUSE: Duration = Duration::from_secs(1);
/// How long to wait, at first, after a failure of the service.
pub const FAILURE_PAUSE: Duration = Duration::from_millis(200);
/// How long to wait until an earlier request about the same object may be done.
pub const CONFLICT_PAUSE: Duration = Duration::from_secs(2);
/// Longest time that a server's wish to be asked later is honoured.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

impl ErrorCode {
    /// Whether this code says that there were too many requests.
    #[must_use]
    pub fn is_throttling(&self) -> bool {
        self != &ErrorCode::ThrottlingVcpuPerDay
            && (self == &ErrorCode::Throttling || self.base().starts_with("Throttling."))
    }

    /// What to do about it, for codes whose own words hardly help.
    ///
    /// ```
    /// use imagecache::eci::error::ErrorCode;
    /// assert!(ErrorCode::TimestampExpired.advice().is_some_and(|advice| advice.contains("clock")));
    /// ```
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            ErrorCode::TimestampExpired => {
                "the clock of this machine is more than 15 minutes off; set it, best by NTP"
            }
            ErrorCode::AccessKeyNotFound => {
                "ECI knows no such access key; the credentials are wrong"
            }
            ErrorCode::AccessKeyInactive => "the access key is switched off",
            ErrorCode::SignatureMismatch => {
                "the secret does not belong to the access key; the credentials are wrong"
            }
            ErrorCode::SecurityTokenExpired => "the temporary credentials have ended",
            ErrorCode::NoPermission | ErrorCode::ForbiddenSubUser => {
                "the RAM user or role may not do this; it needs the actions eci:*ImageCache*"
            }
            ErrorCode::AccountArrearage => "the account owes money",
            ErrorCode::ServiceNotEnabled => "ECI is not activated for this account",
            _ => return None,
        })
    }

    /// Whether another try can help. `status` is the HTTP status of the answer, `retry_after` what its header
    /// `x-acs-retry-after` (milliseconds) says; at most [`MAX_RETRY_AFTER`] of it is honoured.
    ///
    /// ```
    /// use std::time::Duration;
    /// use imagecache::eci::error::{ErrorCode, Retry};
    /// let hint = Some(Duration::from_millis(750));
    /// assert_eq!(ErrorCode::ThrottlingUser.retry(400, hint), Retry::After(Duration::from_millis(750)));
    /// assert_eq!(ErrorCode::QuotaExceeded.retry(403, None), Retry::Never);
    /// ```
    #[must_use]
    pub fn retry(&self, status: u16, retry_after: Option<Duration>) -> Retry {
        let pause = match self {
            ErrorCode::SecurityTokenExpired => return Retry::WithNewCredentials,
            ErrorCode::NonceUsed => Duration::ZERO,
            ErrorCode::OperationConflict => CONFLICT_PAUSE,
            ErrorCode::ContainerRepositoryAuthorizationFailed => return Retry::Never,
            code if code.is_throttling() => THROTTLING_PAUSE,
            _ if status >= 500 => FAILURE_PAUSE,
            _ => return Retry::Never,
        };
        Retry::After(retry_after.map_or(pause, |hint| hint.min(MAX_RETRY_AFTER)))
    }
}

/// Why a request is refused, before it is given ids and becomes an [`ErrorReply`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The code.
    pub code: ErrorCode,
    /// What people read.
    pub message: String,
}

impl ApiError {
    /// A refusal.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        ApiError {
            code,
            message: message.into(),
        }
    }

    /// `Missing<name>`, in the gateway's words.
    ///
    /// ```
    /// use imagecache::eci::error::ApiError;
    /// let refusal = ApiError::missing("RegionId");
    /// assert_eq!(refusal.to_string(), "MissingRegionId: RegionId is mandatory for this action.");
    /// ```
    #[must_use]
    pub fn missing(name: &str) -> Self {
        let message = format!("{name} is mandatory for this action.");
        Self::new(ErrorCode::Missing(name.to_owned()), message)
    }

    /// The HTTP status to answer with: the documented one, 400 for a code of one's own.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.code.status().unwrap_or(400)
    }

    /// The body of the answer.
    #[must_use]
    pub fn reply(self, request_id: impl Into<String>, host_id: impl Into<String>) -> ErrorReply {
        ErrorReply {
            request_id: request_id.into(),
            host_id: host_id.into(),
            code: self.code,
            message: self.message,
            recommend: String::new(),
            unknown: Map::new(),
        }
    }
}

/// The body of an error answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ErrorReply {
    /// Id of the request, an upper-case UUID.
    #[serde(default)]
    pub request_id: String,
    /// The host that was asked.
    #[serde(default)]
    pub host_id: String,
    /// The code.
    pub code: ErrorCode,
    /// What people read.
    #[serde(default)]
    pub message: String,
    /// Where to read on; mostly empty.
    #[serde(default)]
    pub recommend: String,
    /// Everything else that was in the body.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl ErrorReply {
    /// Parses the body of an error response. Lower-case names are understood, and `Description` or `Detail`
    /// in place of `Message`. A body without a code (an HTML page, half an answer) is `None`.
    ///
    /// ```
    /// use imagecache::eci::error::{ErrorCode, ErrorReply};
    /// let reply = ErrorReply::read(br#"{"code":"Throttling.User","Description":"slow down"}"#).unwrap();
    /// assert_eq!((reply.code, reply.message.as_str()), (ErrorCode::ThrottlingUser, "slow down"));
    /// assert!(ErrorReply::read(b"<html>502 Bad Gateway</html>").is_none());
    /// ```
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut fields: Map<String, Value> = serde_json::from_slice(body).ok()?;
        for (name, others) in [
            ("Code", &["code"] as &[&str]),
            (
                "Message",
                &[
                    "message",
                    "Description",
                    "description",
                    "Detail",
                    "detail",
                    "msg",
                ],
            ),
            ("RequestId", &["requestId", "request_id", "requestid"]),
            ("HostId", &["hostId"]),
            ("Recommend", &["recommend"]),
        ] {
            if fields.get(name).is_none_or(|value| !value.is_string()) {
                let found = others
                    .iter()
                    .find_map(|other| fields.get(*other).filter(|value| value.is_string()));
                match found.cloned() {
                    Some(value) => fields.insert(name.to_owned(), value),
                    None => fields.remove(name),
                };
            }
        }
        serde_json::from_value(Value::Object(fields)).ok()
    }

    /// The body as XML, for requests with `Format=XML`.
    ///
    /// ```
    /// use imagecache::eci::error::ApiError;
    /// let xml = ApiError::missing("RegionId").reply("0E234675", "localhost").to_xml();
    /// assert!(xml.contains("<Code>MissingRegionId</Code>"));
    /// ```
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut out = "<?xml version='1.0' encoding='UTF-8'?><Error>".to_owned();
        for (name, text) in [
            ("RequestId", self.request_id.as_str()),
            ("HostId", &self.host_id),
            ("Code", &self.code.to_string()),
            ("Message", &self.message),
            ("Recommend", &self.recommend),
        ] {
            let text = super::xml::escape(text);
            out.push_str(&format!("<{name}>{text}</{name}>"));
        }
        out.push_str("</Error>");
        out
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if !self.request_id.is_empty() {
            write!(f, " (request {})", self.request_id)?;
        }
        Ok(())
    }
}
