#!/usr/bin/env escript
%% Drives a server by hex_core, the client library of Hex, as rebar3 contains it.
%%
%%     escript hex_core.escript REBAR3 URL TOKEN COMMAND ARGUMENT…

main([Rebar3, Url, Token, Command | Arguments]) ->
    load(Rebar3),
    {ok, _} = application:ensure_all_started(inets),
    Config = (r3_hex_core:default_config())#{
        api_url := list_to_binary(Url),
        api_key := list_to_binary(Token)
    },
    run(Command, Config, Arguments),
    io:format("done~n").

%% rebar3 is an escript itself: its modules are in an archive within it.
load(Rebar3) ->
    {ok, Sections} = escript:extract(Rebar3, []),
    {archive, Archive} = lists:keyfind(archive, 1, Sections),
    IsWanted = fun(File) -> string:find(element(2, File), "/r3_") =/= nomatch end,
    {ok, Files} = zip:unzip(Archive, [memory, {file_filter, IsWanted}]),
    [{module, _} = code:load_binary(module(Name), Name, Beam) || {Name, Beam} <- Files].

module(Name) ->
    list_to_atom(filename:basename(Name, ".beam")).

read(File) ->
    {ok, Bytes} = file:read_file(File),
    Bytes.

%% The path of newer versions of hex_core, which wait for an interim response before they send the tarball.
publish(Config, Package, Tarball, Replace) ->
    Headers = #{
        <<"expect">> => <<"100-continue">>,
        <<"content-length">> => integer_to_binary(byte_size(Tarball))
    },
    Path = iolist_to_binary(["packages/", Package, "/releases?replace=", Replace]),
    r3_hex_api:post(Config#{http_headers := Headers}, Path, {"application/octet-stream", Tarball}).

publish_documentation(Config, Package, Version, Documentation) ->
    Path = ["packages", Package, "releases", Version, "docs"],
    r3_hex_api:post(Config, Path, {"application/octet-stream", Documentation}).

%% Publishes a package by each of the two paths, and each of them again with and without `replace`.
run("publish", Config, Files) ->
    [begin
        Tarball = read(File),
        {ok, #{metadata := #{<<"name">> := Name, <<"version">> := Version}, outer_checksum := Sum}} =
            r3_hex_tarball:unpack(Tarball, memory),
        Checksum = r3_hex_tarball:format_checksum(Sum),
        Lower = string:lowercase(Checksum),
        {ok, {201, Headers, Release}} = Publish(Name, Tarball, false),
        #{<<"location">> := _} = Headers,
        #{<<"version">> := Version, <<"checksum">> := Lower, <<"url">> := Url, <<"html_url">> := _,
          <<"has_docs">> := false, <<"retirement">> := nil, <<"requirements">> := #{}} = Release,
        {match, _} = re:run(Url, ["/packages/", Name, "/releases/", Version, "$"]),
        {ok, {422, _, Refusal}} = Publish(Name, Tarball, false),
        #{<<"status">> := 422, <<"message">> := <<"Validation error(s)">>,
          <<"errors">> := #{<<"inserted_at">> :=
              <<"must include the --replace flag to update an existing release">>}} = Refusal,
        {ok, {200, _, #{<<"checksum">> := Lower}}} = Publish(Name, Tarball, true)
     end || {Publish, File} <- lists:zip(ways(Config), Files)];

%% Publishes what is given, and nothing else.
run("publish_all", Config, Files) ->
    [{ok, {201, _, _}} = r3_hex_api_release:publish(Config, read(File)) || File <- Files];

run("retire", Config, [Package, Version]) ->
    {Name, Of} = {list_to_binary(Package), list_to_binary(Version)},
    Retirement = #{reason => security, message => <<"use 2.0">>},
    %% rebar3_hex gives binaries, and accepts 204 alone.
    Sent = #{<<"reason">> => <<"security">>, <<"message">> => <<"use 2.0">>},
    {ok, {204, _, nil}} = r3_hex_api_release:retire(Config, Name, Of, Sent),
    {ok, {200, _, #{<<"retirement">> := Shown}}} = r3_hex_api_release:get(Config, Name, Of),
    #{<<"reason">> := <<"security">>, <<"message">> := <<"use 2.0">>} = Shown,
    {ok, {200, _, #{<<"retirements">> := #{Of := Shown}}}} = r3_hex_api_package:get(Config, Name),
    {ok, {204, _, nil}} = r3_hex_api_release:unretire(Config, Name, Of),
    {ok, {200, _, #{<<"retirement">> := nil}}} = r3_hex_api_release:get(Config, Name, Of),
    {ok, {422, _, #{<<"errors">> := #{<<"reason">> := <<"is invalid">>}}}} =
        r3_hex_api_release:retire(Config, Name, Of, Sent#{<<"reason">> := <<"tired">>}),
    %% The library's own type has atoms as keys and for the reason: no server is told what those are.
    case r3_hex_api_release:retire(Config, Name, Of, Retirement) of
        {ok, {204, _, nil}} -> ok;
        {ok, {422, _, #{<<"message">> := _}}} -> ok
    end;

run("revert", Config, [Package, Version]) ->
    {Name, Of} = {list_to_binary(Package), list_to_binary(Version)},
    {ok, {200, _, _}} = r3_hex_api_release:get(Config, Name, Of),
    {ok, {204, _, nil}} = r3_hex_api_release:delete(Config, Name, Of),
    {ok, {404, _, #{<<"message">> := _}}} = r3_hex_api_release:delete(Config, Name, Of),
    {ok, {404, _, #{<<"message">> := _}}} = r3_hex_api_release:get(Config, Name, Of);

run("documentation", Config, [Package, Version]) ->
    {Name, Of} = {list_to_binary(Package), list_to_binary(Version)},
    {ok, Documentation} = r3_hex_tarball:create_docs([{"index.html", <<"<html></html>">>}]),
    {ok, {201, Headers, nil}} = publish_documentation(Config, Package, Version, Documentation),
    #{<<"location">> := Location} = Headers,
    true = is_binary(Location),
    {ok, {200, _, #{<<"has_docs">> := true}}} = r3_hex_api_release:get(Config, Name, Of),
    {ok, {404, _, #{<<"message">> := _}}} =
        publish_documentation(Config, Package, "9.9.9", Documentation),
    {ok, {422, _, #{<<"errors">> := #{<<"tar">> := _}}}} =
        publish_documentation(Config, Package, Version, <<"none">>),
    Path = ["packages", Package, "releases", Version, "docs"],
    {ok, {204, _, nil}} = r3_hex_api:delete(Config, Path),
    {ok, {404, _, _}} = r3_hex_api:delete(Config, Path),
    {ok, {200, _, #{<<"has_docs">> := false}}} = r3_hex_api_release:get(Config, Name, Of);

run("owners", Config, [Package]) ->
    Name = list_to_binary(Package),
    {ok, {200, _, Owners}} = r3_hex_api_package_owner:list(Config, Name),
    [_ | _] = Owners,
    [true = is_binary(Owner) || #{<<"username">> := Owner, <<"level">> := <<"full">>} <- Owners],
    %% Nobody but the administrator of the server's file of tokens says who owns what.
    {ok, {Added, _, #{<<"message">> := _}}} =
        r3_hex_api_package_owner:add(Config, Name, <<"bob@example.com">>, <<"full">>, false),
    {ok, {Removed, _, #{<<"message">> := _}}} =
        r3_hex_api_package_owner:delete(Config, Name, <<"bob@example.com">>),
    [true = lists:member(Status, [403, 422]) || Status <- [Added, Removed]];

run("myself", Config, [Username]) ->
    {ok, {200, _, Myself}} = r3_hex_api_user:me(Config),
    Name = list_to_binary(Username),
    #{<<"username">> := Name, <<"organizations">> := [], <<"packages">> := Packages} = Myself,
    true = is_list(Packages),
    %% rebar3_hex fails on `nil` here.
    [true = is_binary(maps:get(Key, Myself, <<>>)) || Key <- [<<"full_name">>, <<"email">>]];

%% As `rebar3 hex user auth`, with the token in place of a password.
run("keys", Config, []) ->
    #{api_key := Token} = Config,
    Basic = <<"Basic ", (base64:encode(<<"ann:", Token/binary>>))/binary>>,
    Write = [#{<<"domain">> => <<"api">>}],
    {ok, {201, _, #{<<"secret">> := First, <<"name">> := _}}} =
        r3_hex_api_key:add(Config#{api_key := Basic}, <<"laptop">>, Write),
    Read = [#{<<"domain">> => <<"api">>, <<"resource">> => <<"read">>}],
    {ok, {201, _, #{<<"secret">> := Second}}} =
        r3_hex_api_key:add(Config#{api_key := First}, <<"laptop-api-read">>, Read),
    Repositories = [#{<<"domain">> => <<"repositories">>}],
    {ok, {201, _, #{<<"secret">> := Third}}} =
        r3_hex_api_key:add(Config#{api_key := First}, <<"laptop-repositories">>, Repositories),
    [{ok, {200, _, _}} = r3_hex_api_user:me(Config#{api_key := Secret})
     || Secret <- [First, Second, Third]],
    {ok, {200, _, Keys}} = r3_hex_api_key:list(Config),
    [#{<<"name">> := Name, <<"inserted_at">> := _} | _] = Keys,
    {ok, {200, _, #{<<"name">> := Name}}} = r3_hex_api_key:get(Config, Name);

run("search", Config, [Package]) ->
    Name = list_to_binary(Package),
    {ok, {200, _, [Found]}} = r3_hex_api_package:search(Config, Name, []),
    %% rebar3_hex prints these, and fails where one is missing.
    #{<<"name">> := Name, <<"html_url">> := Url, <<"downloads">> := #{},
      <<"meta">> := #{<<"description">> := Description},
      <<"releases">> := [#{<<"version">> := Version} | _]} = Found,
    [true = is_binary(Text) || Text <- [Url, Description, Version]],
    {ok, {200, _, []}} = r3_hex_api_package:search(Config, <<"nothing_is_named_so">>, []);

%% Fetches a release as mix does of a repository that it knows as hexpm:ORGANISATION: below the URL of hexpm, by the
%% key of the organisation, and signed in the organisation's name.
run("organisation", #{api_url := Url, api_key := Token} = Config, [Organisation, Key, Package, Version, File]) ->
    {Name, Of, Tarball} = {list_to_binary(Package), list_to_binary(Version), read(File)},
    Repository = Config#{
        repo_url := Url,
        repo_organization := list_to_binary(Organisation),
        repo_public_key := read(Key),
        repo_key := Token
    },
    {ok, {200, _, Packages}} = r3_hex_repo:get_versions(Repository),
    [_] = [Listed || #{name := Listed, versions := Versions} <- Packages,
                     Listed =:= Name, lists:member(Of, Versions)],
    {ok, {200, _, Releases}} = r3_hex_repo:get_package(Repository, Name),
    [Checksum] = [Outer || #{version := Version1, outer_checksum := Outer} <- Releases, Version1 =:= Of],
    {ok, {200, _, Tarball}} = r3_hex_repo:get_tarball(Repository, Name, Of),
    {ok, #{outer_checksum := Checksum}} = r3_hex_tarball:unpack(Tarball, memory),
    {ok, {404, _, _}} = r3_hex_repo:get_package(Repository, <<"nothing_is_named_so">>),
    %% Without the organisation's key, or in another name, nothing is fetched.
    {ok, {401, _, _}} = r3_hex_repo:get_package(Repository#{repo_key := undefined}, Name),
    {error, _} = r3_hex_repo:get_package(
        Repository#{repo_organization := undefined, repo_url := <<Url/binary, "/repos/", (list_to_binary(Organisation))/binary>>},
        Name
    );

%% A key that may not do it, or none.
run("refused", Config, [Status, File]) ->
    Tarball = read(File),
    Expected = list_to_integer(Status),
    [{ok, {Expected, _, #{<<"status">> := Expected, <<"message">> := _}}} =
        Publish(<<"acme_tool">>, Tarball, false) || Publish <- ways(Config)].

%% By the path of old versions of hex_core, and by that of new ones.
ways(Config) ->
    [
        fun(_, Tarball, Replace) ->
            r3_hex_api_release:publish(Config, Tarball, [{replace, Replace}])
        end,
        fun(Name, Tarball, Replace) ->
            publish(Config, Name, Tarball, atom_to_list(Replace))
        end
    ].
