//! Create, update, patch and delete.

use http::Response;
use hyper::body::Incoming;
use imagecache_http::{BodyError, ReadBody, body as read_body};

use super::Server;
use super::answer::{self, Answer};
use super::negotiate::Form;
use super::read::{self, ListOptions};
use super::request::{Request, Target};
use crate::api::options::{DeleteOptions, Write, WriteOptions, manager};
use crate::api::patch;
use crate::api::write::Effect;
use crate::api::{ApiError, Status};
use crate::cluster::requests::{Body, Written};
use crate::limits::BODY_BYTES;

pub(super) async fn write(
    server: &Server,
    verb: &str,
    request: &Request,
    target: &Target,
    form: Form,
    body: Incoming,
) -> Answer {
    // held to the end, so that its bytes count as long as they are in memory
    let read = whole(server, body).await?;
    let bytes = &read.bytes;
    let (cluster, place) = (&server.cluster, &target.place);
    let content_type = request.header("content-type");
    let body = |write: Write| -> Result<Body, ApiError> {
        let options = WriteOptions::from_query(write, request.query())?;
        let agent = request.header("user-agent");
        Ok(Body {
            bytes: bytes.clone(),
            content_type: content_type.map(str::to_owned),
            manager: manager(options.field_manager.as_deref(), agent),
            options,
        })
    };
    let written = match verb {
        "create" => cluster.create(place, body(Write::Create)?).await?,
        "update" => cluster.update(place, body(Write::Update)?).await?,
        "patch" => {
            let kind = patch::kind_of(&place.resource, content_type)?;
            cluster
                .patch(place, kind, body(Write::Patch(kind))?)
                .await?
        }
        "delete" => {
            let options = DeleteOptions::read(request.query(), bytes, content_type)?;
            let deleted = cluster.delete(place, options).await?;
            return answer_deleted(deleted, request, target, form);
        }
        _ => {
            let options = DeleteOptions::read(request.query(), bytes, content_type)?;
            let list = ListOptions::read(request, place, false)?;
            let (page, meta) = read::page(cluster, place, &list)?;
            cluster.delete_page(place, &page, options).await?;
            return answer::list(&page.items, &meta, request, place, form);
        }
    };
    let code = if written.effect == Effect::Create {
        201
    } else {
        200
    };
    let mut response = answer::shown(code, &written.object, request, place, form)?;
    answer::warn(&mut response, &written.warnings);
    Ok(response)
}

fn answer_deleted(deleted: Written, request: &Request, target: &Target, form: Form) -> Answer {
    let resource = &target.place.resource;
    let mut response: Response<_> = if deleted.effect == Effect::Remove && !resource.returns_deleted
    {
        answer::value(200, &Status::deleted(resource, &deleted.object), form)
    } else {
        answer::shown(200, &deleted.object, request, &target.place, form)?
    };
    answer::warn(&mut response, &deleted.warnings);
    Ok(response)
}

/// The whole body of a request.
async fn whole(server: &Server, body: Incoming) -> Result<ReadBody, ApiError> {
    let inner = &server.cluster.inner;
    let patience = inner.limits.patience;
    read_body(body, BODY_BYTES, patience, &inner.bodies)
        .await
        .map_err(|fault| match fault {
            BodyError::Busy => {
                let bytes = inner.bodies.bytes();
                let message = format!(
                    "the bodies of all requests together exceed {bytes} bytes, try again later"
                );
                ApiError::too_many_requests(message, 1)
            }
            BodyError::TooLarge => ApiError::body_too_large(BODY_BYTES),
            BodyError::TooSlow => {
                let seconds = patience.as_secs();
                let message = format!("the body of the request did not come within {seconds} s");
                ApiError::new(408, "Timeout", message)
            }
            BodyError::Broken => ApiError::bad_request("the body of the request broke off"),
        })
}
