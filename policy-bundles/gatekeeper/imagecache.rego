# Made by `cargo xtask bundles` from policy-bundles/gatekeeper/imagecache.rego.in; edit that.
# Rules for ImageCache objects in Rego v1, for Gatekeeper (`violation`) and for conftest (`deny`).
#
# Each finding has the message of the core, with its code in the details.
package imagecache

# Gatekeeper hands the object over as input.review.object, conftest as the input itself.
cache := input.review.object if {
	input.review.object
} else := input

ours if {
	cache.kind == "ImageCache"
	startswith(cache.apiVersion, "eci.alibabacloud.com/")
}

deny contains sprintf("%s [%s]", [one.msg, one.details.code]) if {
	some one in violation
}

violation contains finding("IC020", concat("", ["spec: ", "required, an object with images"])) if {
	ours
	not cache.spec
}

violation contains finding("IC020", concat("", ["spec.images: ", "required, 1 to 20 images"])) if {
	ours
	cache.spec
	not cache.spec.images
}

violation contains finding("IC021", concat("", ["spec.images: ", "no images, at least 1 required"])) if {
	ours
	count(cache.spec.images) == 0
}

violation contains finding("IC022", sprintf("spec.images: %s%s", [sprintf("%v images, at most 20 allowed", [number]), unread(number)])) if {
	ours
	number := count(cache.spec.images)
	number > 20
}

violation contains finding("IC023", sprintf("spec.images[%d]: %s", [at, "empty, an image reference is required"])) if {
	ours
	some at, image in cache.spec.images
	at < 256
	image == ""
}

# A regular expression cannot report the reason.
violation contains finding("IC023", sprintf("spec.images[%d]: %s", [at, sprintf("%v is not a valid image reference", [quoted(image)])])) if {
	ours
	some at, image in cache.spec.images
	at < 256
	image != ""
	not is_reference(image)
}

violation contains finding("IC030", sprintf("spec.imagePullSecrets[%d]: %s", [at, sprintf("%v must be `namespace:name`: %v", [quoted(secret), why])])) if {
	ours
	some at, secret in cache.spec.imagePullSecrets
	at < 256
	why := secret_fault(secret)
}

violation contains finding("IC032", sprintf("spec.imagePullSecrets: %s%s", [sprintf("%v secrets, at most 10 allowed", [number]), unread(number)])) if {
	ours
	number := count(cache.spec.imagePullSecrets)
	number > 10
}

violation contains finding("IC040", concat("", ["spec.imageCacheSize: ", sprintf("%v GiB, at least 20 required", [size])])) if {
	ours
	size := cache.spec.imageCacheSize
	size < 20
}

violation contains finding("IC040", concat("", ["spec.imageCacheSize: ", sprintf("%v GiB, at most 32768 allowed", [size])])) if {
	ours
	size := cache.spec.imageCacheSize
	size > 32768
}

violation contains finding("IC041", concat("", ["spec.retentionDays: ", sprintf("%v days, at least 1 required", [days])])) if {
	ours
	days := cache.spec.retentionDays
	days < 1
}

violation contains finding("IC041", concat("", ["spec.retentionDays: ", sprintf("%v days, at most 65536 allowed", [days])])) if {
	ours
	days := cache.spec.retentionDays
	days > 65536
}

violation contains finding("IC051", sprintf("metadata.annotations[%s]: %s", [name, single_fault(value, form)])) if {
	ours
	some name, form in forms
	value := cache.metadata.annotations[name]
	not regex.match(form.fits, value)
}

violation contains finding("IC051", sprintf("metadata.annotations[%s]: %s%s", [name, item_number(at, items), item_fault(item, form)])) if {
	ours
	some name, form in lists
	items := split(cache.metadata.annotations[name], ",")
	some at, item in items
	at < form.limit
	not regex.match(form.fits, item)
}

violation contains finding("IC051", sprintf("metadata.annotations[%s]: %s", [name, sprintf("more than %v items", [form.limit])])) if {
	ours
	some name, form in lists
	count(split(cache.metadata.annotations[name], ",")) > form.limit
}

finding(code, msg) := {"msg": msg, "details": {"code": code}}

# User input in back-ticks, cut after 120 characters.
quoted(text) := sprintf("`%s`", [text]) if count(text) <= 120

quoted(text) := sprintf("`%s…`", [substring(text, 0, 120)]) if count(text) > 120

unread(number) := "; only the first 256 were read" if number > 256

unread(number) := "" if number <= 256

# Docker's grammar in one regular expression.
is_reference(text) if {
	regex.match(reference, text)
	not regex.match(`^[a-f0-9]{64}$`, text)
}

host := `(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?`

path := `[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*`

version := `(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}))?`

reference := concat("", ["^(?:", host, "/)?", path, version, "$"])

# The reason why a text is not namespace:name; undefined if it is.
secret_fault("") := "must not be empty"

secret_fault(text) := "missing `:`" if {
	text != ""
	not contains(text, ":")
}

secret_fault(text) := sprintf("invalid namespace, %v", [name_fault([namespace], namespace, 63)]) if {
	contains(text, ":")
	namespace := substring(text, 0, indexof(text, ":"))
	name_fault([namespace], namespace, 63)
}

secret_fault(text) := why if {
	contains(text, ":")
	namespace := substring(text, 0, indexof(text, ":"))
	not name_fault([namespace], namespace, 63)
	why := secret_name_fault(substring(text, indexof(text, ":") + 1, -1))
}

secret_name_fault(name) := "at most one `:` allowed" if contains(name, ":")

secret_name_fault(name) := sprintf("invalid name, %v", [name_fault(split(name, "."), name, 253)]) if not contains(name, ":")

# The reason why a part of a name, between dots, is invalid; undefined if all are valid.
name_fault(_, "", _) := "must not be empty"

name_fault(_, text, limit) := sprintf("%v characters, at most %v allowed", [count(text), limit]) if count(text) > limit

name_fault(parts, text, limit) := part_fault(wrong[0]) if {
	text != ""
	count(text) <= limit
	wrong := [part | some part in parts; not regex.match(`^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$`, part)]
	count(wrong) > 0
}

part_fault("") := "empty part between dots"

part_fault(part) := "a space is not allowed" if strange(part)[0] == " "

part_fault(part) := sprintf("%v is not allowed", [sprintf("`%s`", [strange(part)[0]])]) if strange(part)[0] != " "

part_fault(part) := "a part must not start or end with `-`" if {
	part != ""
	count(strange(part)) == 0
}

strange(part) := regex.find_n(`[^a-z0-9-]`, part, 1)

# The reason why a single value is invalid.
single_fault("", form) := sprintf("empty, %v is required", [form.wanted])

single_fault(text, _) := sprintf("%v contains white space", [quoted(text)]) if regex.match(`\s`, text)

single_fault(text, form) := sprintf("%v is a list, %v is required", [quoted(text), form.wanted]) if {
	not regex.match(`\s`, text)
	contains(text, ",")
}

single_fault(text, form) := sprintf("%v is not %v", [quoted(text), form.wanted]) if {
	text != ""
	not regex.match(`\s`, text)
	not contains(text, ",")
}

item_number(at, items) := sprintf("item %v: ", [at]) if count(items) > 1

item_number(_, items) := "" if count(items) == 1

# The reason why an item of a list is invalid.
item_fault("", form) := sprintf("empty, %v is required", [form.wanted])

item_fault(text, _) := sprintf("%v contains white space", [quoted(text)]) if regex.match(`\s`, text)

item_fault(text, form) := odd(text, form) if {
	text != ""
	not regex.match(`\s`, text)
}

odd(text, form) := sprintf("%v is not %v", [quoted(text), form.wanted]) if form.wanted != "a host[:port]"

odd(text, form) := sprintf("%v has a scheme, only host[:port] is allowed", [quoted(text)]) if {
	form.wanted == "a host[:port]"
	contains(text, "://")
}

odd(text, form) := sprintf("%v has a path, only host[:port] is allowed", [quoted(text)]) if {
	form.wanted == "a host[:port]"
	contains(text, "/")
	not contains(text, "://")
}

odd(text, form) := sprintf("%v has an invalid port, must be 1 to 65535", [quoted(text)]) if {
	form.wanted == "a host[:port]"
	not contains(text, "/")
	regex.match(concat("", [any_host, "(?::.*)?$"]), text)
}

odd(text, form) := sprintf("%v is not %v", [quoted(text), form.wanted]) if {
	form.wanted == "a host[:port]"
	not contains(text, "/")
	not regex.match(concat("", [any_host, "(?::.*)?$"]), text)
}

any_host := `^(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:[.][A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*|\[[A-Fa-f0-9:.]+\])`

port := `(?::0*(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?$`

switch := {"fits": `^(?i:true|false)$`, "wanted": "`true` or `false`"}

role := {"fits": `^acs:ram::[0-9]+:role/[A-Za-z0-9_.@/-]+$`, "wanted": "a role (acs:ram::ACCOUNT:role/NAME)", "limit": 20}

hosts := {"fits": concat("", [any_host, port]), "wanted": "a host[:port]", "limit": 100}

forms := {
	"k8s.aliyun.com/security-group-id": {"fits": `^sg-[A-Za-z0-9_-]+$`, "wanted": "an id (sg-…)"},
	"k8s.aliyun.com/resource-group-id": {"fits": `^rg-[A-Za-z0-9_-]+$`, "wanted": "an id (rg-…)"},
	"k8s.aliyun.com/imc-cpu-arch": {"fits": `^(?:amd64|arm64)$`, "wanted": "`amd64` or `arm64`"},
	"k8s.aliyun.com/imc-os-type": {"fits": `^(?:linux|windows)$`, "wanted": "`linux` or `windows`"},
	"k8s.aliyun.com/imc-enable-reuse": switch,
	"k8s.aliyun.com/auto-match-imagecache": switch,
	"k8s.aliyun.com/imc-enable-flash": switch,
}

lists := {
	"k8s.aliyun.com/vswitch-ids": {"fits": `^vsw-[A-Za-z0-9_-]+$`, "wanted": "an id (vsw-…)", "limit": 10},
	"k8s.aliyun.com/acr-instance-ids": {
		"fits": `^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?:)?cri-[A-Za-z0-9_-]+$`,
		"wanted": "a registry instance ([region:]cri-…)",
		"limit": 20,
	},
	"k8s.aliyun.com/acr-service-arns": role,
	"k8s.aliyun.com/acr-user-arns": role,
	"k8s.aliyun.com/plain-http-registry": hosts,
	"k8s.aliyun.com/insecure-registry": hosts,
}
