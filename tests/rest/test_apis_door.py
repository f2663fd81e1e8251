"""`/apis`: create, get, update, delete, list, search, and the lifecycle."""

from rest.calls import APIS, SANDBOX, URL, api_body, assert_problem, create_api

ODD = "';DROP-TABLE-api;--<img/src=x/onerror=alert(1)>"
SUMMARY = {
    "id",
    "name",
    "description",
    "context",
    "version",
    "provider",
    "type",
    "lifeCycleStatus",
    "workflowStatus",
    "hasThumbnail",
    "createdTime",
    "updatedTime",
}

SEARCHES = [
    ("", ["Pasta", "Pizza", "Pizza Shack"]),
    ("izza", ["Pizza", "Pizza Shack"]),
    ("PIZZA SH", ["Pizza Shack"]),
    ("name:pizza", ["Pizza", "Pizza Shack"]),
    ('name:"pizza"', ["Pizza"]),
    ('name:"Pizza Shack"', ["Pizza Shack"]),
    ("context:/pi", ["Pizza"]),
    ("version:2", ["Pasta"]),
    ("name:pizza version:1", ["Pizza", "Pizza Shack"]),
    ("pizza context:/shack", ["Pizza Shack"]),
    ("status:CREATED", ["Pasta", "Pizza Shack"]),
    ("Status:published", ["Pizza"]),
    ("provider:berta", ["Pasta", "Pizza", "Pizza Shack"]),
    ('provider:"berta"', []),
    ("description:dente", ["Pasta"]),
    ("name:", ["Pasta", "Pizza", "Pizza Shack"]),
    ("rename:pizza", []),
    ("label:external", []),
    ("%", []),
    ("' OR '1'='1", []),
    ("x" * 5000, []),
]


def test_creating_an_api_returns_its_location_and_description(client, berta):
    response = client.post(APIS, json=api_body(sandbox=SANDBOX, description="Thin"))
    body = response.json()
    assert (response.status_code, response.headers["location"]) == (201, f"{APIS}/{body['id']}")
    assert body.keys() > SUMMARY | {"lastUpdatedTime", "endpointConfig", "tags", "policies", "operations"}
    assert (body["name"], body["context"], body["version"]) == ("Pizza", "/pizza", "1.0.0")
    assert (body["description"], body["provider"], body["lifeCycleStatus"]) == ("Thin", berta.name, "CREATED")
    assert body["endpointConfig"] == {
        "endpoint_type": "http",
        "production_endpoints": {"url": URL},
        "sandbox_endpoints": {"url": SANDBOX},
    }
    assert client.get(response.headers["location"]).json() == body


def test_an_api_without_an_endpoint_has_none(client):
    body = client.post(APIS, json={"name": "Pizza", "context": "pizza", "version": "1"}).json()
    assert (body["context"], body["endpointConfig"]) == ("/pizza", {"endpoint_type": "http"})


def test_a_new_version_of_an_api_is_accepted(client, api):
    assert create_api(client, version="2.0.0")["context"] == api["context"]


def test_html_and_sql_are_stored_as_text(client):
    body = create_api(client, description=ODD)
    assert body["description"] == ODD
    response = client.get(APIS, params={"query": f"description:{ODD}"})
    assert [entry["description"] for entry in response.json()["list"]] == [ODD]
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_members_that_only_wso2_has_are_ignored(client):
    extra = {"isDefaultVersion": False, "transport": ["http", "https"], "policies": ["Unlimited"], "id": "mine"}
    assert create_api(client, **extra)["id"] != "mine"


def test_json_with_a_charset_or_a_json_suffix_is_accepted(client):
    for number, kind in enumerate(["application/json; charset=utf-8", "application/vnd.api+json"]):
        body = {"name": f"Api{number}", "context": f"/a{number}", "version": "1"}
        response = client.request("POST", APIS, json=body, headers={"content-type": kind})
        assert response.status_code == 201


def test_of_a_duplicate_member_the_last_one_counts(client):
    body = b'{"name": "<b>", "name": "Pizza", "context": "/pizza", "version": "1"}'
    response = client.post(APIS, content=body, headers={"content-type": "application/json"})
    assert response.json()["name"] == "Pizza"


def test_an_update_changes_only_description_and_endpoints(client, api):
    body = api_body("Else", "https://new.test", version="9", description="new", lifeCycleStatus="PUBLISHED")
    response = client.put(f"{APIS}/{api['id']}", json=body)
    assert response.status_code == 200
    answer = response.json()
    assert answer["endpointConfig"]["production_endpoints"] == {"url": "https://new.test"}
    assert "sandbox_endpoints" not in answer["endpointConfig"]
    assert answer["description"] == "new"
    for name in ("id", "name", "context", "version", "provider", "lifeCycleStatus", "createdTime"):
        assert answer[name] == api[name]
    assert client.get(f"{APIS}/{api['id']}").json() == answer


def test_members_that_are_not_sent_keep_their_values(client, api):
    body = client.put(f"{APIS}/{api['id']}", json={"description": "new"}).json()
    assert (body["description"], body["endpointConfig"]) == ("new", api["endpointConfig"])


def test_an_api_can_be_updated_with_its_own_response(client, api):
    body = client.put(f"{APIS}/{api['id']}", json=api).json()
    assert body["endpointConfig"] == api["endpointConfig"]


def test_a_deletion_returns_an_empty_body_and_the_object_is_gone(client, api):
    response = client.delete(f"{APIS}/{api['id']}")
    assert (response.status_code, response.content) == (200, b"")
    assert_problem(client.get(f"{APIS}/{api['id']}"), 404, says=api["id"])
    assert_problem(client.delete(f"{APIS}/{api['id']}"), 404)
    assert_problem(client.put(f"{APIS}/{api['id']}", json=api), 404)


def test_an_api_moves_through_its_lifecycle(client, api):
    def move(action):
        return client.post(f"{APIS}/change-lifecycle", params={"apiId": api["id"], "action": action})

    response = move("Publish")
    assert response.status_code == 200
    assert response.json() == {
        "workflowStatus": "APPROVED",
        "jsonPayload": "",
        "lifecycleState": {
            "state": "Published",
            "checkItems": [],
            "availableTransitions": [
                {"event": "Demote to Created", "targetState": "Created"},
                {"event": "Deploy as a Prototype", "targetState": "Prototyped"},
                {"event": "Block", "targetState": "Blocked"},
                {"event": "Deprecate", "targetState": "Deprecated"},
            ],
        },
    }
    assert client.get(f"{APIS}/{api['id']}").json()["lifeCycleStatus"] == "PUBLISHED"
    for action, state in (("Deprecate", "Deprecated"), ("Retire", "Retired")):
        assert move(action).json()["lifecycleState"]["state"] == state
    assert_problem(move("Publish"), 400, says="Possible actions: none")


def test_lists_have_wso2s_members(client, api):
    create_api(client, "Pasta")
    body = client.get(APIS).json()
    assert (body.keys(), body["count"]) == ({"count", "list", "pagination"}, 2)
    assert [entry["name"] for entry in body["list"]] == ["Pasta", "Pizza"]
    assert all(entry.keys() == SUMMARY for entry in body["list"])
    assert body["list"][1] == {key: api[key] for key in SUMMARY}
    assert body["pagination"] == {"offset": 0, "limit": 25, "total": 2, "next": "", "previous": ""}


def test_the_links_of_pages_lead_through_the_whole_list(client):
    for number in range(3):
        create_api(client, f"Äpfel {number}", context=f"/a{number}")
    pages, link = [], f"{APIS}?limit=2&query=%C3%84pfel%20version:1"
    while link:
        page = client.get(link).json()
        pages.append([entry["name"] for entry in page["list"]])
        link = page["pagination"]["next"]
    assert pages == [["Äpfel 0", "Äpfel 1"], ["Äpfel 2"]]


def test_searches_have_the_syntax_of_wso2(client):
    pizza = create_api(client)
    create_api(client, "Pasta", version="2.0.0", description="al dente")
    create_api(client, "Pizza Shack", context="/shack")
    client.post(f"{APIS}/change-lifecycle", params={"apiId": pizza["id"], "action": "Publish"})
    for query, names in SEARCHES:
        response = client.get(APIS, params={"query": query})
        assert response.status_code == 200
        assert [entry["name"] for entry in response.json()["list"]] == names, query


def test_organizations_do_not_see_each_other(client, stranger, api):
    theirs = create_api(stranger)
    assert [entry["id"] for entry in client.get(APIS).json()["list"]] == [api["id"]]
    assert_problem(client.get(f"{APIS}/{theirs['id']}"), 404)
    assert_problem(client.put(f"{APIS}/{theirs['id']}", json=api_body()), 404)
    assert_problem(client.delete(f"{APIS}/{theirs['id']}"), 404)
    lifecycle = {"apiId": theirs["id"], "action": "Publish"}
    assert_problem(client.post(f"{APIS}/change-lifecycle", params=lifecycle), 404)
    assert stranger.get(f"{APIS}/{theirs['id']}").json() == theirs


def test_lists_are_sorted_as_asked(client):
    for name, version in (("Bread", "2"), ("apple", "3"), ("Cake", "1")):
        create_api(client, name, version=version)
    cake = client.get(APIS, params={"query": "name:Cake"}).json()["list"][0]
    client.post(f"{APIS}/change-lifecycle", params={"apiId": cake["id"], "action": "Publish"})

    def names(**params):
        return [entry["name"] for entry in client.get(APIS, params=params).json()["list"]]

    assert names() == names(sortBy="apiName") == names(sortOrder="asc") == ["apple", "Bread", "Cake"]
    assert names(sortBy="version", sortOrder="desc") == ["apple", "Bread", "Cake"]
    assert names(sortBy="version") == names(sortOrder="desc") == ["Cake", "Bread", "apple"]
    assert names(sortBy="createdTime") == ["Bread", "apple", "Cake"]
    assert names(sortBy="status", sortOrder="desc") == ["Cake", "Bread", "apple"]
    page = client.get(APIS, params={"sortBy": "version", "sortOrder": "desc", "limit": 1}).json()
    assert client.get(page["pagination"]["next"]).json()["list"][0]["name"] == "Bread"
    assert client.get(APIS, params={"sortBy": "color"}).status_code == 400


def test_a_key_for_tests_is_random_and_not_checked(client):
    path = f"{APIS}/{create_api(client)['id']}/generate-key"
    first, second = (client.post(path).json() for _ in range(2))
    assert first["apikey"] != second["apikey"]
    assert (first["validityTime"], first["checked"]) == (3600, False)
    assert_problem(client.post(f"{APIS}/0/generate-key"), 404)
