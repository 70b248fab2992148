//! The manifests for Kubernetes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{documents, names, root, text};

const FOLDER: &str = "deploy/kubernetes";
/// Of names, the database, the broker without and with TLS, its management API, and the ingress.
const EGRESS_PORTS: [u64; 6] = [53, 3306, 5672, 5671, 15672, 8080];

fn files() -> BTreeSet<String> {
    let folder = std::fs::read_dir(root().join(FOLDER)).unwrap();
    folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

fn all() -> Vec<Value> {
    files().iter().flat_map(|file| documents(&format!("{FOLDER}/{file}"))).collect()
}

fn of_kind(kind: &str) -> Vec<Value> {
    all().into_iter().filter(|one| one["kind"] == kind).collect()
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

/// The pods of a role, as its Deployment or Job has them.
fn workloads() -> Vec<(String, Value)> {
    let workloads = of_kind("Deployment").into_iter().chain(of_kind("Job"));
    workloads
        .map(|one| (one["metadata"]["name"].as_str().unwrap().to_owned(), one["spec"]["template"].clone()))
        .collect()
}

#[test]
fn everything_in_the_folder_is_applied() {
    let kustomization = documents(&format!("{FOLDER}/kustomization.yaml")).remove(0);
    let applied = names(list(&kustomization, "resources").filter_map(Value::as_str));
    let beside = names(["kustomization.yaml", "secret.example.yaml"]);
    assert_eq!(applied.union(&beside).cloned().collect::<BTreeSet<_>>(), files());
    for one in all() {
        assert!(one["apiVersion"].is_string() && one["kind"].is_string(), "{one}");
    }
}

#[test]
fn every_pod_is_restricted() {
    let namespace = of_kind("Namespace").remove(0);
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    let workloads = workloads();
    assert_eq!(
        names(workloads.iter().map(|(role, _)| role.as_str())),
        names(["migrate", "api", "worker", "monitor"])
    );
    for (role, template) in workloads {
        let pod = &template["spec"];
        assert_eq!(template["metadata"]["labels"], json!({ "app": "tellers", "role": role }));
        assert_eq!(pod["automountServiceAccountToken"], false, "{role}");
        let context = &pod["securityContext"];
        assert_eq!(
            (&context["runAsNonRoot"], &context["runAsUser"]),
            (&true.into(), &10001.into()),
            "{role}"
        );
        assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault", "{role}");
        for container in list(pod, "containers") {
            let context = &container["securityContext"];
            assert_eq!(context["readOnlyRootFilesystem"], true, "{role}");
            assert_eq!(context["allowPrivilegeEscalation"], false, "{role}");
            assert_eq!(context["capabilities"]["drop"], json!(["ALL"]), "{role}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{role}");
            let secrets =
                names(list(container, "envFrom").filter_map(|from| from["secretRef"]["name"].as_str()));
            assert_eq!(
                secrets,
                names([format!("tellers-{role}").as_str()]),
                "{role} has the secrets of others"
            );
        }
    }
}

/// Each role has the users that its rights are given to, and no others.
#[test]
fn every_secret_has_the_users_of_its_role_alone() {
    let (accounts, permissions) = (text("deploy/mysql/users.sql"), text("deploy/rabbitmq/permissions.json"));
    let permissions: Value = serde_json::from_str(&permissions).unwrap();
    let broker_users = names(list(&permissions, "permissions").filter_map(|one| one["user"].as_str()));
    for secret in of_kind("Secret") {
        let name = secret["metadata"]["name"].as_str().unwrap();
        for (setting, value) in secret["stringData"].as_object().unwrap() {
            let Some((_, rest)) = value.as_str().unwrap().split_once("://") else { continue };
            let user = rest.split(':').next().unwrap();
            let role = if ["AMQP_MANAGEMENT_URL", "RABBITMQ_HTTP_URL"].contains(&setting.as_str()) {
                "tellers_management".to_owned()
            } else {
                name.replace('-', "_")
            };
            assert_eq!(user, role, "{setting} of {name}");
            if setting == "DATABASE_URL" {
                assert!(accounts.contains(&format!("CREATE USER IF NOT EXISTS '{user}'@")), "{user}");
            } else {
                assert!(broker_users.contains(user), "{user} has no permissions");
            }
        }
    }
    let scaler = of_kind("TriggerAuthentication").remove(0);
    assert_eq!(scaler["spec"]["secretTargetRef"][0]["name"], "tellers-management");
}

fn selects(policy: &Value, role: &str) -> bool {
    let selector = &policy["spec"]["podSelector"];
    let mut labels = selector["matchLabels"].as_object().into_iter().flatten();
    let by_labels = labels.all(|(name, value)| match name.as_str() {
        "app" => value == "tellers",
        "role" => value == role,
        _ => false,
    });
    let by_expression = list(selector, "matchExpressions").all(|one| {
        one["key"] == "role" && one["operator"] == "In" && list(one, "values").any(|value| value == role)
    });
    by_labels && by_expression
}

fn ports(rule: &Value) -> BTreeSet<u64> {
    list(rule, "ports").filter_map(|port| port["port"].as_u64()).collect()
}

#[test]
fn the_network_lets_through_what_the_fleet_needs_and_nothing_else() {
    let policies = of_kind("NetworkPolicy");
    let denying = json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] });
    assert!(policies.iter().any(|policy| policy["spec"] == denying), "nothing denies by default");
    for (role, template) in workloads() {
        let of_role =
            || policies.iter().filter(|policy| selects(policy, &role)).map(|policy| &policy["spec"]);
        let listens: BTreeSet<_> = list(&template["spec"], "containers")
            .flat_map(|container| list(container, "ports"))
            .filter_map(|port| port["containerPort"].as_u64())
            .collect();
        let reached: BTreeSet<_> = of_role().flat_map(|spec| list(spec, "ingress")).flat_map(ports).collect();
        assert_eq!(reached, listens, "{role} is reached where it does not listen, or not where it does");
        for rule in of_role().flat_map(|spec| list(spec, "ingress")) {
            assert!(role == "api" || list(rule, "from").next().is_some(), "{role} is open to all: {rule}");
        }
        let mut egress = BTreeSet::new();
        for rule in of_role().flat_map(|spec| list(spec, "egress")) {
            assert!(
                list(rule, "to").next().is_some() && !ports(rule).is_empty(),
                "{role} may go anywhere: {rule}"
            );
            egress.extend(ports(rule));
        }
        assert!(egress.iter().all(|port| EGRESS_PORTS.contains(port)), "{role}: {egress:?}");
        assert!(egress.is_superset(&BTreeSet::from([53, 3306])), "{role}: {egress:?}");
        let uses_broker = role != "migrate";
        assert_eq!(egress.contains(&5672) && egress.contains(&5671), uses_broker, "{role}: {egress:?}");
        assert_eq!(egress.contains(&8080), role == "monitor", "{role}: {egress:?}");
    }
}

#[test]
fn a_node_that_is_drained_takes_one_pod_of_a_role_at_a_time() {
    let budgets = of_kind("PodDisruptionBudget");
    for role in ["api", "worker"] {
        let labels = json!({ "app": "tellers", "role": role });
        let budget = budgets.iter().find(|budget| budget["spec"]["selector"]["matchLabels"] == labels);
        assert_eq!(budget.map(|budget| &budget["spec"]["maxUnavailable"]), Some(&json!(1)), "{role}");
    }
}
