// The API's page, drawn from its own description.

function made(tag, text, ...children) {
  const element = document.createElement(tag);
  element.textContent = text;
  element.append(...children);
  return element;
}

function rowsOf(pairs) {
  const list = document.createElement("dl");
  for (const [name, text] of pairs) list.append(made("dt", name), made("dd", text));
  return list;
}

function kindOf(field) {
  const inner = field.items ?? field.anyOf?.[0] ?? field;
  if (inner.enum) return inner.enum.join(" | ");
  return field.type === "array" ? `several ${inner.type}` : inner.contentMediaType || inner.format ? "file" : (inner.type ?? "");
}

function fieldsOf(operation, schemas) {
  const content = operation.requestBody?.content["multipart/form-data"];
  if (!content) return [];
  const schema = schemas[content.schema.$ref.split("/").pop()];
  return Object.entries(schema.properties).map(([name, field]) => {
    const must = schema.required?.includes(name) ? ", required" : "";
    const usual = typeof field.default === "string" ? `, usually ${field.default}` : "";
    return [name, `${field.description ?? ""} (${kindOf(field)}${must}${usual})`];
  });
}

function exampleOf(path, method, security) {
  const url = `${location.origin}${path}`;
  const curl = security ? 'curl -H "Authorization: Bearer TOKEN"' : "curl";
  if (method === "get") return `${curl} ${url}`;
  return `${curl} -F photograph=@car.jpg ${url} -o ${path === "/cutout" ? "car.png" : path === "/mask" ? "mask.png" : "car.json"}`;
}

const description = await (await fetch("/openapi.json")).json();
for (const [path, methods] of Object.entries(description.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const section = made("section", "", made("h2", `${method.toUpperCase()} ${path}`), made("p", operation.description ?? operation.summary));
    const fields = fieldsOf(operation, description.components.schemas);
    if (fields.length) section.append(made("h3", "Fields"), rowsOf(fields));
    section.append(made("h3", "Answers"), rowsOf(Object.entries(operation.responses).map(([status, answer]) => [status, answer.description])));
    section.append(made("pre", exampleOf(path, method, operation.security)));
    document.getElementById("docs").append(section);
  }
}
