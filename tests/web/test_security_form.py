"""Endpoint security in the form of the Endpoints page."""

from rest.calls import APIS, create_api

URL = "https://backend.test"
FORM = {"with_production": "true", "production": URL}
BASIC = {"production_security_type": "BASIC", "production_security_username": "shop"}


def security(client, api):
    return client.get(f"{APIS}/{api['id']}").json()["endpointConfig"].get("endpoint_security")


def test_it_is_saved_kept_and_removed_and_the_secret_is_never_on_the_page(client):
    api = create_api(client)
    path = f"/apis/{api['id']}/endpoints"
    assert client.post(path, data=FORM | BASIC | {"production_security_password": "geheim"}).status_code == 303
    members = {"enabled": True, "type": "BASIC", "username": "shop", "password": ""}
    assert security(client, api) == {"production": members}
    for form in (FORM | BASIC, FORM):  # with an empty password, and without these fields
        assert client.post(path, data=form).status_code == 303
        assert security(client, api) == {"production": members}
    page = client.get(path).text
    assert "Endpoint Security: BASIC | " in page
    assert "/help/how-to/sign-in-to-backends/#unsupported-types" in page
    assert "geheim" not in page
    assert client.post(path, data=FORM | {"production_security_type": "NONE"}).status_code == 303
    assert security(client, api) is None


def test_mistakes_are_shown_next_to_their_fields_and_the_secret_is_not_sent_back(client):
    api = create_api(client)
    form = FORM | {"production_security_type": "apikey", "production_security_apiKeyIdentifier": "Host"}
    answer = client.post(f"/apis/{api['id']}/endpoints", data=form | {"production_security_apiKeyValue": "geheim"})
    assert answer.status_code == 422
    assert 'id="production-security-apiKeyIdentifier-error">Host can&#39;t contain an API key.' in answer.text
    assert "geheim" not in answer.text
    assert '<option value="apikey" selected>' in answer.text


def test_the_parameters_of_token_requests_are_one_line(client):
    api = create_api(client)
    path = f"/apis/{api['id']}/endpoints"
    url = "https://login.test/token"
    form = FORM | {"production_security_type": "OAUTH", "production_security_tokenUrl": url}
    form |= {"production_security_clientId": "shop", "production_security_customParameters": "scope=a+b&audience=c"}
    assert client.post(path, data=form | {"production_security_clientSecret": "geheim"}).status_code == 303
    members = security(client, api)["production"]
    assert members["customParameters"] == {"audience": "c", "scope": "a b"}
    assert (members["tokenUrl"], members["clientId"], members["clientSecret"]) == (url, "shop", "")
    page = client.get(path).text
    assert 'value="audience=c&amp;scope=a+b"' in page
    assert "Endpoint Security: OAUTH | " in page
    assert "geheim" not in page
    wrong = client.post(path, data=form | {"production_security_tokenUrl": "login.test"})
    assert wrong.status_code == 422
    assert 'id="production-security-tokenUrl-error">' in wrong.text

    form |= {"production_security_grantType": "PASSWORD", "production_security_username": "till"}
    without = client.post(path, data=form)
    assert without.status_code == 422
    assert 'id="production-security-password-error">Enter the secret.' in without.text
    for password in ("geheim zwei", ""):  # saved, then kept
        assert client.post(path, data=form | {"production_security_password": password}).status_code == 303
    assert security(client, api)["production"] == members | {
        "grantType": "PASSWORD",
        "username": "till",
        "password": "",
    }
    page = client.get(path).text
    assert '<option value="PASSWORD" selected>' in page
    assert 'id="production-security-password-hint">Leave empty to keep the stored one.' in page
    assert "RFC 9700 (section 2.4)</a> says not to use this grant" in page
    assert "geheim" not in page
