#!/usr/bin/env bats
# `make e2e-tests`: the policy in kwctl. The tests of the crate hold the same expectations in two other hosts.

@test "a valid ImageCache is accepted" {
  run kwctl run --request-path test_data/imagecache-valid.json --settings-json '{"mode": "off"}' annotated-policy.wasm
  [ "$status" -eq 0 ]
  [ $(expr "$output" : '.*"allowed":true.*') -ne 0 ]
}

@test "an invalid ImageCache is rejected with every error" {
  run kwctl run --request-path test_data/imagecache-invalid.json --settings-json '{"mode": "off"}' annotated-policy.wasm
  [ "$status" -eq 0 ]
  [ $(expr "$output" : '.*"allowed":false.*') -ne 0 ]
  [ $(expr "$output" : '.*repository name must be lowercase.*') -ne 0 ]
  [ $(expr "$output" : '.*10 GiB, at least 20 required.*') -ne 0 ]
}

@test "a rule that is off rejects nothing" {
  run kwctl run --request-path test_data/imagecache-invalid.json --settings-json '{"mode": "off", "validate": false}' annotated-policy.wasm
  [ "$status" -eq 0 ]
  [ $(expr "$output" : '.*"allowed":true.*') -ne 0 ]
}

@test "a pod with a wrong annotation is rejected" {
  run kwctl run --request-path test_data/pod-wrong-annotation.json --settings-json '{"mode": "off"}' annotated-policy.wasm
  [ "$status" -eq 0 ]
  [ $(expr "$output" : '.*"allowed":false.*') -ne 0 ]
  [ $(expr "$output" : '.*eci-auto-imc.*') -ne 0 ]
}
