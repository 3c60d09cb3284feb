"""
Which requests of azure-ai-ml's own end-to-end tests the loopback answers.

Read one by one in Azure/azure-sdk-for-python under sdk/ml/azure-ai-ml/tests: jobs, data, environments, compute and
online endpoints, in the versions that a public index of GitHub holds, with their YAML files and with the recordings of
uri_folder, register_output, invalid_datastore, serverless and of an online deployment. All files could be read. Many of
the tests are skipped there; they are listed all the same.

    yes    answered, in a shape that passes the test's assertions
    part   answered, with what is missing beside it
    no     refused
    none   the test asks nothing of the service

Of curated environments, only those of environments.py are there; for another, an own one stands in. The client is
azure-ai-ml 1.35.2: where its newer code differs from the test, such as `e:33` for `azureml:e:33`, the client is right.
tests/azureml/tests/test_published.py makes these requests and holds each row.

    command_job/e2etests/test_command_job.py
        test_command_job                                 yes
        test_command_job_with_singularity                no     virtual clusters
        test_command_job_with_dataset                    yes
        test_command_job_serverless                      yes
        test_command_job_with_dataset_short_uri          yes
        test_command_job_builder                         yes
        test_command_job_local                           no     jobs on the caller's machine
        test_command_job_with_params                     part   what a job logs is no parameter of the job
        test_command_job_with_modified_environment       yes
        test_command_job_cancel                          yes
        test_command_job_dependency_label_resolution     yes
        test_command_job_archive_restore                 yes
        test_command_job_download                        yes
        test_command_job_local_run_download              no     jobs on the caller's machine
        test_command_job_invalid_datastore               yes    it is submitted, as recorded; the job would fail
        test_command_job_with_inputs_with_datastore_param yes
        test_command_job_parsing_error                   none
        test_command_job_register_output                 part   the names come back; no asset is made of the output
        test_ray_command_job                             part   the command runs once, on no ray

    dataset/e2etests/test_data.py
        test_data_upload_file                            yes
        test_create_uri_folder                           yes
        test_create_uri_file                             yes
        test_create_mltable                              yes    the proxy refuses the schema's host; the client goes on
        test_create_data_asset_in_registry               no     registries
        test_list                                        yes
        test_list_data_in_registry                       no     registries
        test_data_get_latest_label                       yes
        test_data_get_latest_label_in_registry           no     registries
        test_data_archive_restore_version                yes
        test_data_archive_restore_container              no     a container cannot be archived
        test_data_unsupported_datastore                  no     there is no workspacefilestore
        test_data_auto_delete_setting                    yes    it is kept; nothing is deleted

    dataset/e2etests/test_data_utils.py
        test_validate_mltable_metadata_schema            none

    environment/e2etests/test_environment.py
        test_environment_create_conda                    yes
        test_environment_create_conda_inline             yes
        test_environment_create_or_update_docker         yes
        test_environment_create_or_update_docker_context yes    no image is built of it
        test_environment_create_or_update_docker_context_and_image none
        test_create_autoincrement                        part   the next version is a number, not a date
        test_environment_list                            yes
        test_environment_get                             no     curated environments
        test_environment_archive_restore_version         yes
        test_environment_archive_restore_container       no     a container cannot be archived
        test_environment_get_latest_label                yes
        test_registry_environment_create_conda_and_get   no     registries
        test_registry_environment_list                   no     registries

    compute/e2etests/test_compute.py
        test_aml_compute_create_and_delete               yes
        test_compute_instance_create_and_delete          no     compute instances
        test_compute_instance_stop_start_restart         no     compute instances

    online_services/e2etests/test_online_endpoint.py
        test_online_endpoint_e2e                         part   no tokens, and keys are not made anew
        test_online_endpoint_submit                      no     templates of Resource Manager
        test_online_endpoint_k8s_empty_model_e2e         none
        test_online_endpoint_mir_e2e                     none   it calls what no released client has
        test_debug_online_endpoin                        none   the same

    online_services/e2etests/test_online_deployment.py
        test_online_deployment                           part   packages come at the versions that are installed here
        test_online_deployment_skip_script_validation    part   all is asked for; without azureml-ai-monitoring it fails
"""
