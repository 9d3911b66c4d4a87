//! The plan as resources of the Terraform provider `aliyun/alicloud`.

use imagecache::plan::{Action, Plan, PlannedCache};

pub(super) fn plan(plan: &Plan) -> String {
    let mut text = String::from(
        "variable \"security_group_id\" {\n  type = string\n}\n\nvariable \"vswitch_id\" {\n  type = string\n}\n",
    );
    for cache in &plan.caches {
        text.push('\n');
        comment(
            &mut text,
            &format!("{}: {}", cache.action.as_str(), cache.name),
        );
        cache
            .reasons
            .iter()
            .for_each(|reason| comment(&mut text, &format!("  {reason}")));
        if cache.is_live() {
            resource(&mut text, cache);
        } else if cache.action == Action::Drop {
            comment(&mut text, "  remove its resource");
        }
    }
    text
}

fn resource(text: &mut String, cache: &PlannedCache) {
    let label: String = cache
        .name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    text.push_str(&format!(
        "resource \"alicloud_eci_image_cache\" \"cache_{label}\" {{\n"
    ));
    text.push_str(&format!("  image_cache_name  = {}\n", quoted(&cache.name)));
    text.push_str(
        "  security_group_id = var.security_group_id\n  vswitch_id        = var.vswitch_id\n",
    );
    text.push_str(&format!("  image_cache_size  = {}\n", cache.size_gib));
    if let Some(days) = cache.retention_days {
        text.push_str(&format!("  retention_days    = {days}\n"));
    }
    text.push_str("  images = [\n");
    for image in &cache.images {
        text.push_str(&format!("    {},\n", quoted(&image.image)));
    }
    text.push_str("  ]\n}\n");
}

fn comment(out: &mut String, text: &str) {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    out.push_str(&format!("# {line}\n"));
}

/// A string of HCL: as in JSON, with template marks escaped.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.replace("${", "$${").replace("%{", "%%{")
}
