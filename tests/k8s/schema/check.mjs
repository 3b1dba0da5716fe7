// Resources as a JSON list on stdin; on stdout, for each, what its model's validator says of it.
import { readFileSync } from "node:fs";

const packages = {
  "external-secrets.io": "external-secrets",
  "gateway.envoyproxy.io": "envoy-gateway",
  "gateway.networking.k8s.io": "gateway-api",
  "keda.sh": "keda",
  "monitoring.coreos.com": "prometheus-operator",
};

const said = [];
for (const resource of JSON.parse(readFileSync(0, "utf8"))) {
  const [group, version] = resource.apiVersion.split("/");
  const models = await import(`@kubernetes-models/${packages[group]}/${group}/${version}`);
  try {
    new models[resource.kind](resource).validate();
    said.push("");
  } catch (error) {
    said.push(error.message);
  }
}
console.log(JSON.stringify(said));
