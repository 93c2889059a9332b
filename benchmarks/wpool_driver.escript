#!/usr/bin/env escript
% wpool (github.com/inaka/worker_pool), measured inside Erlang: row 3.
%
%   escript wpool_driver.escript EBIN
%
% EBIN is the folder with wpool's .beam and .app files. Each line read,
%
%   STRATEGY CALLERS WORKERS MILLISECONDS      best_worker 16 4 250
%
% is answered with one: calls per second, by so many processes that make one
% wpool:call after the other. Ends with its input.
%
% The worker is a gen_server callback module of our own that adds two numbers;
% wpool_worker would hibernate after each call, which makes it slower. A caller
% that finds no worker free (next_available_worker) tries again; what counts is
% what was answered. hash_worker gets another key with every call.

-module(wpool_driver).
-mode(compile).
-export([main/1, init/1, handle_call/3, handle_cast/2, handle_info/2,
         terminate/2]).

% Before the clock starts, this part of the time is spent in the same way.
-define(WARM_UP, 0.2).

main([Ebin]) ->
    true = code:add_patha(Ebin),
    {ok, _} = application:ensure_all_started(worker_pool),
    serve(io:get_line("")).

serve(eof) ->
    ok;
serve(Line) ->
    [Strategy, Callers, Workers, Time] = string:lexemes(Line, " \n"),
    Rate = measure(list_to_atom(Strategy), list_to_integer(Callers),
                   list_to_integer(Workers), list_to_integer(Time)),
    io:format("~.1f~n", [Rate]),
    serve(io:get_line("")).

measure(Strategy, Callers, Workers, Time) ->
    {ok, _} = wpool:start_sup_pool(measured, [{workers, Workers},
                                              {worker, {?MODULE, nothing}}]),
    Completed = counters:new(1, [write_concurrency]),
    Stop = atomics:new(1, []),
    All = [spawn_monitor(fun() -> call(Strategy, Caller, Completed, Stop) end)
           || Caller <- lists:seq(1, Callers)],
    timer:sleep(round(Time * ?WARM_UP)),
    Before = counters:get(Completed, 1),
    Begin = erlang:monotonic_time(),
    timer:sleep(Time),
    After = counters:get(Completed, 1),
    End = erlang:monotonic_time(),
    atomics:put(Stop, 1, 1),
    lists:foreach(fun ended/1, All),
    ok = wpool:stop_sup_pool(measured),
    Seconds = (End - Begin) / erlang:convert_time_unit(1, second, native),
    (After - Before) / Seconds.

ended({Pid, Monitor}) ->
    receive
        {'DOWN', Monitor, process, Pid, normal} -> ok
    after 10000 -> halt(1)
    end.

call(Strategy, N, Completed, Stop) ->
    case atomics:get(Stop, 1) of
        1 -> ok;
        0 ->
            call_once(Strategy, N, Completed),
            call(Strategy, N + 1, Completed, Stop)
    end.

call_once(hash_worker, Key, Completed) ->
    8 = wpool:call(measured, {add, 5, 3}, {hash_worker, Key}),
    counters:add(Completed, 1, 1);
call_once(next_available_worker, _, Completed) ->
    try wpool:call(measured, {add, 5, 3}, next_available_worker) of
        8 -> counters:add(Completed, 1, 1)
    catch
        exit:no_available_workers -> erlang:yield()
    end;
call_once(Strategy, _, Completed) ->
    8 = wpool:call(measured, {add, 5, 3}, Strategy),
    counters:add(Completed, 1, 1).

% -- the worker ----------------------------------------------------------------

init(nothing) -> {ok, nothing}.

handle_call({add, A, B}, _From, State) -> {reply, A + B, State}.

handle_cast(_, State) -> {noreply, State}.

handle_info(_, State) -> {noreply, State}.

terminate(_, _) -> ok.
